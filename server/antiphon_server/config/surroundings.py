"""What libraries read from the environment and offer no other way to set."""

import os


def settle_grpc() -> None:
    """Switch off gRPC's fork handlers; call before grpc is imported.

    Engine processes are started by fork and exec, and never use what they inherit. With the handlers on, gRPC says for
    each of them on stderr that it had to skip them.
    """
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
