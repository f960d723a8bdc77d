"""Files of one JSON document a line that survive a crash: written through to the disk, read without what is torn."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import structlog
from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

log = structlog.get_logger()
T = TypeVar("T")


def append(path: Path, lines: Iterable[bytes]) -> None:
    """Adds lines; on disk when this returns. One that a crash has torn does not spoil them: they begin anew."""
    path.touch(mode=0o600)
    with path.open("rb+") as f:
        size = f.seek(0, os.SEEK_END)
        torn = size > 0 and (f.seek(size - 1), f.read(1))[1] != b"\n"
        f.write((b"\n" if torn else b"") + b"".join(line + b"\n" for line in lines))
        f.flush()
        os.fsync(f.fileno())


def read(data: bytes, what: TypeAdapter[T]) -> Iterator[T]:
    """The documents in a file's bytes; a line that is none is passed over, and told of."""
    for line in data.splitlines():
        try:
            yield what.validate_json(line)
        except ValidationError:
            log.warning("linea_ilegible", linea=line[:200].decode("utf-8", "replace"))


def lock(path: Path) -> FileLock:
    """Held by whoever changes the file, in this process or another."""
    return FileLock(path.with_name(path.name + ".lock"), mode=0o600)
