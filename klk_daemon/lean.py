"""Imports without what libraries load for looks."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

# structlog loads Rich for tracebacks in colour, httpx Rich, Pygments and Click for a command line of its own: 50 ms and
# 4 MB, which only a person at a terminal has something of.
FOR_LOOKS = ("rich", "httpx._main")


@contextmanager
def lean_imports() -> Iterator[None]:
    """While the block runs, and stderr is no terminal, libraries find these modules not installed.

    None in `sys.modules` is Python's own way to say so. A module that is loaded already stays.
    """
    hidden = [] if sys.stderr.isatty() else [name for name in FOR_LOOKS if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
