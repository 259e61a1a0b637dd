"""``python3 bench/gpu/run.py``, from any folder."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # This file's own folder would hide modules behind those of the same name here.
    sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)
    from bench.gpu.command import main

    sys.exit(main())
