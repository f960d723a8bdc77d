"""The file `alertas.db` in the state directory: what was told, to whom, and what is still to be.

SQLite, since a state change must be on the disk, whole, before it is sent. Every use opens the file anew: a few
milliseconds, in whatever thread, beside other processes.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

NAME = "alertas.db"
BUSY_S = 10.0
# On the disk before it is sent.
SYNCHRONOUS = "FULL"
SCHEMA = """
-- One row for each time that a fault began; `fin` says how it ended. `mensaje` is the one that told of it, `contada`
-- whether its end was told; `callada` and `retenida` why something was not told at once.
CREATE TABLE IF NOT EXISTS causas (
    id INTEGER PRIMARY KEY, clave TEXT NOT NULL, causa TEXT NOT NULL, abierta TEXT NOT NULL, cerrada TEXT, fin TEXT,
    mensaje INTEGER, contada INTEGER NOT NULL DEFAULT 0, callada INTEGER NOT NULL DEFAULT 0,
    retenida INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS causas_abiertas ON causas (clave) WHERE cerrada IS NULL;
CREATE TABLE IF NOT EXISTS mensajes (
    id INTEGER PRIMARY KEY, creado TEXT NOT NULL, tipo TEXT NOT NULL, familia TEXT NOT NULL, nivel TEXT NOT NULL,
    titulo TEXT NOT NULL, cuerpo TEXT NOT NULL
);
-- One row for each message and channel: a crash neither loses nor doubles what another channel has got.
CREATE TABLE IF NOT EXISTS entregas (
    mensaje INTEGER NOT NULL, canal TEXT NOT NULL, estado TEXT NOT NULL, intentos INTEGER NOT NULL DEFAULT 0,
    proximo TEXT NOT NULL, cambio TEXT NOT NULL, error TEXT, PRIMARY KEY (mensaje, canal)
);
CREATE TABLE IF NOT EXISTS resumenes (fecha TEXT PRIMARY KEY)
"""


class Store:
    """The file. `folder` is the state directory."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._ready = False

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction that writes: committed, and on the disk, when the block ends; rolled back when it raises.

        Raises:
            sqlite3.Error: the file cannot be read or written.
            OSError: it cannot be made.
        """
        if not self._ready:
            self._path.touch(mode=0o600)
        with closing(sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)) as con:
            con.row_factory = sqlite3.Row
            con.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
            con.execute("BEGIN IMMEDIATE")
            try:
                if not self._ready:
                    for statement in SCHEMA.split(";\n"):
                        con.execute(statement)
                yield con
            except BaseException:
                con.execute("ROLLBACK")
                raise
            con.execute("COMMIT")
            self._ready = True

    def put_aside(self, now: datetime) -> Path:
        """Gives a file that cannot be read another name, which it returns: a new one is begun, nothing is deleted."""
        aside = self._path.with_name(f"{NAME}.ilegible-{now:%Y%m%dT%H%M%S}")
        self._path.rename(aside)
        return aside


def unreadable(error: sqlite3.DatabaseError) -> bool:
    """Whether the file is damaged, rather than busy, or on a full disk."""
    return getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
