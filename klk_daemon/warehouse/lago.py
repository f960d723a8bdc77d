"""A DuckLake: tables as Parquet in a folder or object store, their catalogue in PostgreSQL (extra `lake`).

Several daemons on several machines may write one lake, each its own stores; see turnos.py for how they share it.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Event

import duckdb
from duckdb import DuckDBPyConnection

from klk_daemon.warehouse import extensiones
from klk_daemon.warehouse.origen import Averia, Reparto, first_line
from klk_daemon.warehouse.turnos import GONE as SILENT
from klk_daemon.warehouse.turnos import PASSING, REFUSED, Turnos

EXTRA = "lake"
EXTENSIONS = ("postgres_scanner", "ducklake")
REMOTE = "httpfs"
ALIAS = "lago"
# A run's lines of a store go into the catalogue as rows, not into a Parquet file of 20 kB each (docs/scaling.md);
# mantenimiento.py makes files of them.
INLINE_ROWS = 1000
# DuckDB's and libpq's messages repeat how they tried to connect.
SECRETS = (
    (re.compile(r"(?i)(password\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s\"']+)"), r"\1…"),
    (re.compile(r"://[^\s'\"]*@"), "://…@"),
)
GONE = re.compile(
    r"connection to server|server closed|terminating connection|terminated by|could not connect|no connection"
    r"|connection (?:was )?(?:lost|refused|reset)|unable to connect|starting up|shutting down|ssl (?:error|syscall)",
    re.IGNORECASE,
)
# What was to be done over a connection, and no answer of the server's to it.
UNANSWERED = re.compile(r"failed to (?:execute|prepare|copy|fetch)", re.IGNORECASE)
# Of all that DuckDB says, what PostgreSQL says, or its client.
UNREACHABLE = re.compile("connection to server .*")
LONGEST = 240


@dataclass(frozen=True, slots=True)
class Lago:
    """A lake.

    Attributes:
        conninfo: how libpq reaches the catalogue's database; may hold a password. Two that differ are two places.
        data_path: where the Parquet lies: a folder or `s3://bucket/prefix`.
        name: as messages call it.
        turnos: how this process shares it with others.
        s3: the fields of an object store's secret, such as `KEY_ID`.
    """

    conninfo: str = field(repr=False)
    data_path: str
    name: str
    turnos: Turnos = field(repr=False, compare=False)
    s3: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def path(self) -> str:
        """In memory: what is kept is attached."""
        return ":memory:"

    @property
    def stays_open(self) -> bool:
        """A lake is locked by no connection, and attaching takes 80 ms."""
        return True

    @property
    def reparto(self) -> Reparto:
        """Each store is one daemon's."""
        return self.turnos

    def exists(self) -> bool:
        """Whether PostgreSQL has the catalogue."""
        return self.turnos.exists()

    def trace(self) -> object:
        """Nothing tells but asking: the panel's own ten minutes, and our runs, have to do."""
        return None

    def before_open(self) -> None:
        """Nothing lies here before it is attached."""

    def prepare(self, con: DuckDBPyConnection) -> None:
        """Attaches the lake, which makes one where there is none."""
        self.attach(con, ALIAS, f"DATA_INLINING_ROW_LIMIT {INLINE_ROWS}")
        con.execute(f"USE {ALIAS}")

    def attach(self, con: DuckDBPyConnection, alias: str, *options: str) -> None:
        """Attaches it under a name, with DuckLake's options."""
        remote = "://" in self.data_path
        extensiones.load(con, *EXTENSIONS, *((REMOTE,) if remote else ()), extra=EXTRA)
        con.execute("SET pg_null_byte_replacement = ''")  # PostgreSQL's text holds none; see staging.py
        if self.s3 and remote:
            con.execute(f"CREATE SECRET (TYPE s3, {', '.join(f'{k} {_quoted(v)}' for k, v in self.s3.items())})")
        given = ", ".join((f"DATA_PATH {_quoted(self.data_path)}", *options))
        con.execute(f"ATTACH {_quoted(f'ducklake:postgres:{self.turnos.conninfo}')} AS {alias} ({given})")

    def turno(self, deadline: float, stopping: Event) -> AbstractContextManager[Callable[[], None]]:
        """After those who asked before."""
        return self.turnos.escribir(deadline, stopping)

    def averia(self, error: duckdb.Error) -> Averia:
        """What is wrong with PostgreSQL, the Parquet's place, or a writer that takes no turns.

        The connection is always made anew: 80 ms, and nothing that is left of a broken one stays.
        """
        text = str(error)
        for secret, instead in SECRETS:
            text = secret.sub(instead, text)
        if isinstance(error, duckdb.TransactionException) and "conflict" in text.lower():
            line = next(line for line in text.splitlines() if "conflict" in line.lower())
            remedio = "another program writes this lake: let it do so while no run is under way"
            return Averia(_brief(line), remedio, perdida=True, pasajera=True)
        line = _brief(first_line(Exception(text)))
        if (why := UNREACHABLE.search(line)) is not None:
            line = f"PostgreSQL: {why[0]}"
        if "FATAL" in text and not PASSING.search(text):
            return Averia(line, f"see database.path: {REFUSED}", perdida=True)
        if GONE.search(text) or (UNANSWERED.search(text) and "ERROR:" not in text):
            return Averia(line, SILENT, perdida=True, pasajera=True)
        return Averia(line, _remedio(text), perdida=True)

    def settle(self, con: DuckDBPyConnection) -> None:
        """Nothing: mantenimiento.py makes files of its rows in its own time."""

    def release(self, con: DuckDBPyConnection) -> None:
        """Nothing: what is committed is in PostgreSQL."""

    def soltar(self) -> None:
        """Ends the session with the locks."""
        self.turnos.cerrar()


def _remedio(text: str) -> str:
    lowered = text.lower()
    if "does not match existing data path" in lowered:
        return "this lake's files lie elsewhere: set database.data_path to that place, as this machine sees it"
    if "no space left" in lowered:
        return "the disk is full: make room; what was committed is safe, the next run makes it up"
    if "permission denied" in lowered:
        return "the user of database.path must own its tables, and this one must be able to write database.data_path"
    if any(word in lowered for word in ("http", "s3://", "403", "access denied")):
        return "see database.data_path and the AWS_* variables of the environment"
    return ""


def _brief(line: str) -> str:
    """A line that quotes a whole statement keeps its two ends."""
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} … {line[-LONGEST // 2 :]}"


def _quoted(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"
