"""Who writes a lake, and who runs which store: session advisory locks of the PostgreSQL that has its catalogue.

DuckLake lets many write at once, but two transactions that change one table at the same time cannot both be committed,
and rows that both add are doubled (no keys). Every run changes the ledger, so all would meet there. Hence the right to
write is taken in turns, one transaction long; KLK is asked side by side. A store is its daemon's as long as that
lives: PostgreSQL lets go of what a session holds when its process dies.
"""

import hashlib
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from klk_daemon.errors import BaseFallida, BaseOcupada, ConfigError, Interrumpido
from klk_daemon.warehouse.origen import first_line

ESCRIBIR = "*escribir"
# While another daemon writes, this one looks so often whether it is to end.
SLICE_S = 0.5
# A PostgreSQL that is restarted is back within seconds.
RESTART_S = 5.0
CONNECT_S = 5
# A machine that lost its power says no good-bye: both ends notice within half a minute.
KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4, "tcp_user_timeout": 20_000}
SESSION = (
    f"SET lock_timeout = {int(SLICE_S * 1000)}; SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5;"
    " SET tcp_keepalives_count = 4"
)
REFUSED = "PostgreSQL refuses this database or user"
GONE = (
    "see that PostgreSQL runs, and can be reached from here; nothing of this transaction was written, the next run"
    " makes it up"
)
PASSING = re.compile(r"starting up|shutting down|terminating connection|too many", re.IGNORECASE)
LOCKS = (
    "l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND (l.classid::bigint << 32) | l.objid::bigint = %s"
)
HOLDER = (
    "SELECT COALESCE(NULLIF(a.application_name, ''), 'another session'), l.pid FROM pg_locks AS l"
    f" LEFT JOIN pg_stat_activity AS a USING (pid) WHERE {LOCKS} AND l.pid <> pg_backend_pid()"
).encode()
GIVEN = f"SELECT 1 FROM pg_locks AS l WHERE {LOCKS} AND l.pid = pg_backend_pid()".encode()


class Turnos:
    """This process's session and what it holds. Safe to use from several threads.

    Args:
        conninfo: how libpq reaches the catalogue's database.
        name: the lake, as messages call it.

    Attributes:
        conninfo: the same, with what a daemon needs.

    Raises:
        ConfigError: libpq does not understand it.
    """

    def __init__(self, conninfo: str, name: str) -> None:
        self.conninfo = _with_defaults(conninfo, name)
        self._name = name
        self._guard = threading.RLock()
        self._con: psycopg.Connection[Any] | None = None
        self._mias: set[str] = set()

    @property
    def compartido(self) -> bool:
        """It is."""
        return True

    def tomar(self, claves: Collection[str]) -> frozenset[str]:
        """See `Reparto`."""
        with self._guard, self._told():
            session = self._alive()
            nuevas = sorted(set(claves) - self._mias)
            for clave, (held,) in zip(nuevas, _ask(session, "pg_try_advisory_lock(k)", nuevas), strict=True):
                if held:
                    self._mias.add(clave)
            return frozenset(self._mias & set(claves))

    def conservar(self, claves: Collection[str]) -> None:
        """See `Reparto`."""
        with self._guard:
            self.devolver({clave for clave in self._mias if not clave.startswith("*")} - set(claves))

    def devolver(self, claves: Collection[str]) -> None:
        """See `Reparto`."""
        with self._guard, self._told():
            held = sorted(self._mias & set(claves))
            if held and self._con is not None:
                _ask(self._con, "pg_advisory_unlock(k)", held)
            self._mias -= set(held)

    def ajenas(self, claves: Collection[str]) -> Mapping[str, str]:
        """See `Reparto`."""
        with self._guard, self._told():
            session = self._alive()
            holders = {clave: _holder(session, clave) for clave in sorted(set(claves) - self._mias)}
            return {clave: who for clave, who in holders.items() if who is not None}

    @contextmanager
    def escribir(self, deadline: float, stopping: threading.Event) -> Iterator[Callable[[], None]]:
        """The right to write, in the order in which it was asked for; see `Origen.turno`."""
        session = self._wait(deadline, stopping)
        try:
            yield lambda: self._still(session)
        finally:
            with self._guard, suppress(psycopg.Error):  # a session that is lost holds nothing
                session.execute("SELECT pg_advisory_unlock(%s)", [_number(ESCRIBIR)])

    def cerrar(self) -> None:
        """Ends the session: all that it holds is free."""
        with self._guard:
            if self._con is not None:
                with suppress(psycopg.Error):  # the server takes a moment to notice that a session has ended
                    self._con.execute("SELECT pg_advisory_unlock_all()")
            self._lost()

    def exists(self) -> bool:
        """Whether the database has a catalogue. One that cannot be reached may have."""
        try:
            with psycopg.connect(self.conninfo, autocommit=True) as con:
                row = con.execute("SELECT to_regclass('ducklake_metadata') IS NOT NULL").fetchone()
        except psycopg.Error:
            return True  # whoever opens it is told why not
        return bool(row and row[0])

    def _wait(self, deadline: float, stopping: threading.Event) -> "psycopg.Connection[Any]":
        restarted = time.monotonic() + RESTART_S
        while True:
            with self._guard:
                try:
                    session = self._alive()
                    session.execute("SELECT pg_advisory_lock(%s)", [_number(ESCRIBIR)])
                except psycopg.errors.LockNotAvailable as e:
                    # It may have been given in the same moment; nobody would ever write again.
                    if session.execute(GIVEN, [_number(ESCRIBIR)]).fetchone():
                        return session
                    if time.monotonic() >= deadline:
                        raise BaseOcupada(
                            f"the lake {self._name} was being written by {_holder(session, ESCRIBIR) or 'another'}"
                            " beyond database.lock_timeout_s",
                            hint="see what that one does; the next run makes it up",
                        ) from e
                except psycopg.Error as e:
                    self._lost()
                    if _refused(e) or time.monotonic() >= restarted or stopping.is_set():
                        raise self._failure(e) from e
                else:
                    return session
            if stopping.is_set():
                raise Interrumpido("shutdown while another daemon wrote the lake")
            stopping.wait(0.01 if self._con is not None else SLICE_S)

    def _still(self, session: "psycopg.Connection[Any]") -> None:
        with self._guard, self._told():
            session.execute("SELECT 1")

    def _alive(self) -> "psycopg.Connection[Any]":
        """The session; made anew, holding nothing, where it was lost."""
        if self._con is not None and not self._con.closed:
            try:
                self._con.execute("SELECT 1")
            except psycopg.Error:
                self._lost()
            else:
                return self._con
        self._lost()
        self._con = psycopg.connect(self.conninfo, autocommit=True)
        self._con.execute(SESSION)
        return self._con

    def _lost(self) -> None:
        self._mias.clear()
        if self._con is not None:
            self._con.close()
        self._con = None

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as e:
            self._lost()
            raise self._failure(e) from e

    def _failure(self, error: psycopg.Error) -> BaseFallida:
        text = first_line(error) if str(error).strip() else "connection lost"
        return BaseFallida(
            f"the lake {self._name}: PostgreSQL: {text}",
            hint=f"see database.path: {REFUSED}" if _refused(error) else GONE,
        )


def _refused(error: psycopg.Error) -> bool:
    """Whether asking again is of no use."""
    return "FATAL" in str(error) and not PASSING.search(str(error))


def _with_defaults(conninfo: str, name: str) -> str:
    """Adds what a daemon needs; what the operator says is stronger.

    Raises:
        ConfigError: libpq does not understand it.
    """
    try:
        said = conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError as e:
        raise ConfigError(f"database.path: {name} is not understood by PostgreSQL", hint=_EXAMPLE) from e
    who = f"klk-daemon {socket.gethostname()[:30]} (pid {os.getpid()})"
    defaults: dict[str, Any] = {"application_name": who, "connect_timeout": CONNECT_S, **KEEPALIVE}
    return make_conninfo(conninfo, **{key: value for key, value in defaults.items() if key not in said})


_EXAMPLE = 'such as "ducklake:postgres:dbname=klk host=db.example user=klk"'


def _ask(session: "psycopg.Connection[Any]", what: str, claves: Sequence[str]) -> list[tuple[Any, ...]]:
    sql = f"SELECT {what} FROM unnest(%s::bigint[]) WITH ORDINALITY AS u(k, n) ORDER BY n"
    return session.execute(sql.encode(), [[_number(clave) for clave in claves]]).fetchall()


def _holder(session: "psycopg.Connection[Any]", clave: str) -> str | None:
    row = session.execute(HOLDER, [_number(clave)]).fetchone()
    if row is None:
        return None
    name, pid = row
    return str(name) if "pid" in str(name) else f"{name} (PostgreSQL's process {pid})"


def _number(clave: str) -> int:
    """The lock's number. Advisory locks are a database's own: the catalogue needs no part in it."""
    return int.from_bytes(hashlib.sha256(f"klk-daemon {clave}".encode()).digest()[:8], "big", signed=True)
