"""Files that are whole or not there. Loads nothing: commands that want to be quick use it."""

import os
from pathlib import Path


def replace(path: Path, data: bytes) -> None:
    """Other contents for a file of ours (mode 0600): whole or not at all; on disk when this returns."""
    partial = path.with_name(path.name + ".part")
    partial.touch(mode=0o600)
    with partial.open("wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
    partial.replace(path)
