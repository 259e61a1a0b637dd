"""``python -m antiphon_server.worker``: an engine process."""

from antiphon_server.worker.child import main

if __name__ == "__main__":
    main()
