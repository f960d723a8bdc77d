"""Ctrl-C. Until a command says otherwise it ends the process at once (klk_daemon/__main__.py)."""

import signal
from typing import Final

INTERRUPTED: Final = 130


def raise_on_interrupt() -> None:
    """From now on Ctrl-C is a `KeyboardInterrupt`: for a command that has something to say or to put in order."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
