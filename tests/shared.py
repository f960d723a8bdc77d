"""What takes long to make, made once for all processes of the suite."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that all workers of pytest-xdist share; to be read and copied.

    Args:
        factory: whose folder the workers' own lie in.
        name: of the folder.
        make: fills it; called by the first who asks, while the others wait.
    """
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"made-once-{name}"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            half = folder.with_name(f"{folder.name}.half")
            shutil.rmtree(half, ignore_errors=True)  # of one who was to make it before, and could not
            half.mkdir()
            make(half)
            half.rename(folder)
    return folder
