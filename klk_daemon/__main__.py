"""The program: `klk-daemon`, or `python -m klk_daemon`."""

import gc
import os
import signal

# Before anything else is loaded: an exception out of the middle of an import is a traceback at best.
signal.signal(signal.SIGINT, lambda *_: os._exit(130))  # as klk_daemon.interrupt.INTERRUPTED

# Imports and rows make half a million objects: to look for cycles after every 700 of them costs a command 70 ms. The
# daemon, which lives on, does look (daemon/lifecycle.py).
gc.set_threshold(1_000_000)

# Before it checks anything pydantic would look through all packages that are installed for plugins of its own: 4 ms.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def main() -> None:
    """Runs one command."""
    from klk_daemon.cli import main as run  # noqa: PLC0415 - see above

    run()


if __name__ == "__main__":
    main()
