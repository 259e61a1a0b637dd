"""Starts the ``antiphon`` command line."""

import sys

from antiphon_client.cli.entry import run


def main() -> None:
    """Run the command line and exit with its code: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
