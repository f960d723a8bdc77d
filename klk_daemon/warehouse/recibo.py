"""The commit receipt: proof, outside the database, of what was committed to it.

A torn write-ahead log opens silently with fewer transactions, and so does a restored backup. So every commit raises a
number in the database and, once it is safely there, is noted in the state directory. A database whose number lies
behind the newest note has lost commits; the notes say of what, so that it is read again from KLK. One commit may hold
steps of several stores: it has a note for each, all with its number.
"""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import structlog
from duckdb import DuckDBPyConnection
from pydantic import TypeAdapter

from klk_daemon import files
from klk_daemon.domain import Intervalo, Job
from klk_daemon.warehouse import jsonl

log = structlog.get_logger()

NAME = "commits.jsonl"
WRITER = "escritor"
# About three days of nineteen stores: a database loses its last commits, not its first.
KEPT = 5000
# A loss shows in the last notes: one of them is newer than the database. They stand in the order of the commits, or
# nearly, since a process notes while it still holds the database. Twenty commits of twenty stores are read within 1 ms.
NEWEST = 400


@dataclass(frozen=True, slots=True)
class Nota:
    """What one commit did for one store.

    `desde` and `hasta` (UTC) are the sales that it read, if it read any. `notas` is how many notes the commit has.
    """

    base_id: str
    numero: int
    job: Job
    ubicacion_id: str
    desde: datetime | None = None
    hasta: datetime | None = None
    notas: int = 1


@dataclass(frozen=True, slots=True)
class Perdida:
    """Commits that the notes know and the database does not, by number.

    `completa` is False where more are missing than were kept, or a note could not be written: then not all that is
    missing can be named.
    """

    notas: tuple[Nota, ...]
    completa: bool

    @property
    def commits(self) -> int:
        """How many they are."""
        return len({n.numero for n in self.notas})

    def intervalos(self) -> list[tuple[str, Intervalo]]:
        """The sales to read again: store and interval."""
        return [(n.ubicacion_id, Intervalo(n.desde, n.hasta)) for n in self.notas if n.desde and n.hasta]


class Recibo:
    """The notes of one state directory, at `folder`.

    Where several daemons write one database each counts its own commits, in a row of its own: `escritor` tells them
    apart. Of one number for all, the first to come back after a loss would hide what the others have lost.
    """

    def __init__(self, folder: Path, escritor: str = "") -> None:
        self._path = folder / NAME
        self._escritor = escritor

    def sellar(self, con: DuckDBPyConnection) -> tuple[str, int]:
        """Raises the number, inside the transaction; whose it is, and the new one."""
        base_id, numero = self._numero(con)
        con.execute("UPDATE ultimo_commit SET numero = ? WHERE base_id = ?", [numero + 1, base_id])
        return base_id, numero + 1

    def _numero(self, con: DuckDBPyConnection) -> tuple[str, int]:
        """The database's identity, or this writer's in it, and its number so far."""
        numeros = dict(con.execute("SELECT base_id, numero FROM ultimo_commit ORDER BY length(base_id)").fetchall())
        base_id = str(next(iter(numeros)))  # schema.ensure has made its row; a writer's begins with it, and is longer
        if self._escritor:
            base_id = f"{base_id}/{self._escritor}"
            if base_id not in numeros:
                con.execute("INSERT INTO ultimo_commit VALUES (?, 0)", [base_id])
        return base_id, int(numeros.get(base_id, 0))

    def anotar(self, notas: Sequence[Nota]) -> None:
        """Notes a commit that has happened, all that it was about; on disk when this returns.

        A note that cannot be written is told of and done without: the commit stands, and the next note covers it.
        """
        try:
            jsonl.append(self._path, [_json().dump_json(replace(n, notas=len(notas))) for n in notas])
        except OSError as e:
            log.warning("recibo_no_anotado", error=str(e))

    def comparar(self, con: DuckDBPyConnection) -> Perdida | None:
        """What the database has lost, inside a transaction; it counts on from the newest note afterwards.

        None where nothing is missing, or where the notes are of another database: a new one is no loss.
        """
        base_id, numero = self._numero(con)
        perdidas = self._despues(base_id, numero, self._data().splitlines()[-NEWEST:])
        if not perdidas:
            return None
        perdidas = self._despues(base_id, numero, self._data().splitlines())
        con.execute("UPDATE ultimo_commit SET numero = ? WHERE base_id = ?", [perdidas[-1].numero, base_id])
        return Perdida(tuple(perdidas), completa=_completas(perdidas, numero))

    def _despues(self, base_id: str, numero: int, lines: list[bytes]) -> list[Nota]:
        notas = jsonl.read(b"\n".join(lines), _json())
        return sorted((n for n in notas if n.base_id == base_id and n.numero > numero), key=lambda n: n.numero)

    def recortar(self) -> None:
        """Drops notes that are too old to matter."""
        lines = self._data().splitlines()
        if len(lines) > 2 * KEPT:
            files.replace(self._path, b"\n".join(lines[-KEPT:]) + b"\n")

    def _data(self) -> bytes:
        return self._path.read_bytes() if self._path.exists() else b""


def _completas(perdidas: Sequence[Nota], numero: int) -> bool:
    """Whether they are all that were written since a number: none was dropped, of no commit only a part is there."""
    hay = Counter(n.numero for n in perdidas)
    return len(hay) == perdidas[-1].numero - numero and all(hay[n.numero] >= n.notas for n in perdidas)


def escritor(folder: Path) -> str:
    """What tells a state directory's commits from those of other daemons; made once."""
    path = folder / WRITER
    if not path.exists():
        files.replace(path, uuid.uuid4().hex.encode())
    return path.read_text(encoding="ascii")


@cache
def _json() -> TypeAdapter[Nota]:
    return TypeAdapter(Nota)


def apartar_wal(path: Path, now: datetime | None = None) -> Path | None:
    """Puts aside the write-ahead log of a database that cannot replay it: never deleted, in case someone can.

    Args:
        path: the database file.
        now: for the name; the time of day unless told.

    Returns:
        Where it lies now; None where there is none.
    """
    wal = path.with_name(path.name + ".wal")
    if not wal.exists():
        return None
    aside = wal.with_name(f"{wal.name}.ilegible-{now or datetime.now(UTC):%Y%m%dT%H%M%S.%f}")
    wal.rename(aside)
    return aside
