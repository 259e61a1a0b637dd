"""What a command stops with when it is not the server's doing."""


class CommandFailed(Exception):
    """One sentence for the person at the terminal, and the exit code."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        """Keep the sentence.

        Args:
            message: What is wrong and what to do, without a final line break.
            exit_code: 1 for a failure, 2 for wrong usage.
        """
        super().__init__(message)
        self.exit_code = exit_code


def wrong_usage(message: str) -> CommandFailed:
    """Make a failure of the command line itself."""
    return CommandFailed(message, exit_code=2)
