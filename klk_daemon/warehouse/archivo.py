"""A DuckDB file as the place of the tables."""

import fcntl
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import duckdb
import structlog
from duckdb import DuckDBPyConnection

from klk_daemon.warehouse.origen import SOLO, Averia, Reparto, first_line
from klk_daemon.warehouse.recibo import apartar_wal

log = structlog.get_logger()

# When a changed table is checkpointed DuckDB rewrites what it keeps of each of its row groups: a third of a second at
# 40 million lines, twice a run. So the log of a large file stays beside it, until it has grown.
LARGE_FILE = 512 * 1024 * 1024
LONG_WAL = 256 * 1024


@dataclass(frozen=True, slots=True)
class Archivo:
    """A DuckDB file, made with its folder where it is missing.

    Attributes:
        file: where it is.
        seal: where to note which log belongs to it; without, that is not watched.
    """

    file: Path
    seal: Path | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """The file's path."""
        return str(self.file)

    @property
    def path(self) -> str:
        """The file's path."""
        return str(self.file)

    @property
    def stays_open(self) -> bool:
        """No: others get in between."""
        return False

    @property
    def reparto(self) -> Reparto:
        """All stores are this daemon's: DuckDB's file lock lets one process write."""
        return SOLO

    def exists(self) -> bool:
        """Whether the file is there."""
        return self.file.exists()

    def trace(self) -> object:
        """Size and time of the file and its log."""
        return [(stat.st_size, stat.st_mtime_ns) for p in (self.file, self._wal) if (stat := _stat(p)) is not None]

    def before_open(self) -> None:
        """Makes the file's folder, and puts aside a log that is not the file's.

        An older copy may have been put in a large file's place, its log left where it was. DuckDB would replay it, and
        what lies between the two would be missing without a word; without it, the commit receipt says what is missing.
        """
        self.file.parent.mkdir(parents=True, exist_ok=True)
        if self._estranged():
            with self.file.open("r+b") as file, suppress(BlockingIOError):  # who holds it looks after it
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # DuckDB's own lock
                if self._estranged():
                    log.critical("wal_ajeno", wal=str(apartar_wal(self.file)))

    def prepare(self, con: DuckDBPyConnection) -> None:
        """The tables are in the file; a large one is checkpointed by `release`, not whenever it is closed."""
        if self._large():
            con.execute("PRAGMA disable_checkpoint_on_shutdown")

    def settle(self, con: DuckDBPyConnection) -> None:
        """Nothing: it is closed."""

    def release(self, con: DuckDBPyConnection) -> None:
        """Checkpoints a large file whose write-ahead log has grown; a small one is by DuckDB, whenever it is closed.

        What stays in the log is as safe, and every reader sees it, DuckDB 1.0 too; opening takes longer with it.
        """
        if self._large():
            self.checkpoint(con)
            if self.seal is not None and self._wal.exists():
                self.seal.touch(mode=0o600)
                self.seal.write_text(f"{_print(self.file)} {_print(self._wal)}", encoding="ascii")

    def checkpoint(self, con: DuckDBPyConnection) -> None:
        """Writes the log into the file, a large one's where it has grown."""
        if self._wal.exists() and self._wal.stat().st_size > (LONG_WAL if self._large() else 0):
            con.execute("CHECKPOINT")

    def turno(
        self,
        deadline: float,  # noqa: ARG002 - Origen's
        stopping: Event,  # noqa: ARG002 - Origen's
    ) -> AbstractContextManager[Callable[[], None]]:
        """Whoever has the file open has it."""
        return nullcontext(_nothing)

    def averia(self, error: duckdb.Error) -> Averia:
        """What is wrong with the file, or the disk below it."""
        line = first_line(error)
        lowered = line.lower()
        remedio = ""
        if "no space left" in lowered or "disk" in lowered:
            remedio = "the disk is full: make room; what was committed is safe, the next run makes it up"
        elif "out of memory" in lowered:
            remedio = "raise database.memory_limit"
        elif "permission denied" in lowered or "read-only" in lowered:
            remedio = "the user that klk-daemon runs as must be able to write the file and its folder"
        elif "corrupt database file" in lowered:
            remedio = (
                "the file is damaged, as a kill in the middle of a write can do: put a backup in its place, the next"
                " runs read again what it lacks (docs/reliability.md)"
            )
        elif "not a valid duckdb database" in lowered:
            remedio = "see database.path: this file is something else"
        # After a fatal error the instance is dead; what was committed is on disk.
        return Averia(line, remedio, perdida=isinstance(error, duckdb.FatalException))

    def soltar(self) -> None:
        """Nothing: the file was closed."""

    def _estranged(self) -> bool:
        """Whether the log is the one that was last left here, and the file is not."""
        if self.seal is None or not (self.seal.exists() and self._wal.exists() and self.file.exists()):
            return False
        file, _, wal = self.seal.read_text(encoding="ascii").partition(" ")
        return wal == _print(self._wal) and file != _print(self.file)

    @property
    def _wal(self) -> Path:
        return self.file.with_name(self.file.name + ".wal")

    def _large(self) -> bool:
        return self.file.exists() and self.file.stat().st_size >= LARGE_FILE


def _print(path: Path) -> str:
    """What tells a file from its copies, as far as looking can."""
    stat = path.stat()
    return f"{stat.st_ino}:{stat.st_size}:{stat.st_mtime_ns}"


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _nothing() -> None:
    """A file that is open stays ours."""
