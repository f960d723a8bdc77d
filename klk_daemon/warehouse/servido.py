"""A file that is kept open and served to readers in other processes over DuckDB's remote protocol, quack."""

import socket
from dataclasses import dataclass, field
from threading import Event

import duckdb
import structlog
from duckdb import DuckDBPyConnection

from klk_daemon.warehouse import extensiones, lectores
from klk_daemon.warehouse.archivo import Archivo
from klk_daemon.warehouse.connection import use_all_processors

log = structlog.get_logger()

EXTRA = "quack"
EXTENSIONS = ("httpfs", "quack")
CONNECT_S = 2.0


def require_extensions() -> None:
    """Looks whether a file can be served here.

    Raises:
        ConfigError: the extra is missing, or for another DuckDB; says what installs it.
    """
    for name in EXTENSIONS:
        extensiones.path(name, extra=EXTRA)


@dataclass(frozen=True, slots=True, kw_only=True)
class Servido(Archivo):
    """A file at `uri` (`quack:localhost:9494`), for who shows the token; reading only (lectores.py).

    Where it cannot be served, as the port is taken, it is a file like any other, and tried again at its next opening:
    the jobs do not depend on it.
    """

    uri: str
    token: str = field(repr=False)
    _serving: Event = field(default_factory=Event, init=False, compare=False, repr=False)

    @property
    def stays_open(self) -> bool:
        """While it is served."""
        return self._serving.is_set()

    def prepare(self, con: DuckDBPyConnection) -> None:
        """Serves it, or says in the log why it cannot.

        Raises:
            ConfigError: an extension is missing.
        """
        Archivo.prepare(self, con)
        if _answers(self.uri):
            log.error("base_no_servida", uri=self.uri, error="another program listens there")
            return
        # Readers' queries are large, and run here.
        use_all_processors(con)
        try:
            extensiones.load(con, *EXTENSIONS, extra=EXTRA)
            lectores.limit(con)
            con.execute("CALL quack_serve(?, token = ?)", [self.uri, self.token])
        except duckdb.Error as e:
            log.error("base_no_servida", uri=self.uri, error=str(e))  # noqa: TRY400 - not a bug, no traceback
            return
        self._serving.set()
        log.info("base_servida", uri=self.uri)

    def settle(self, con: DuckDBPyConnection) -> None:
        """Brings the file up to date, so that little is replayed after a kill.

        Raises:
            duckdb.Error: it cannot be written.
        """
        self.checkpoint(con)

    def release(self, con: DuckDBPyConnection) -> None:
        """Stops serving; readers under way are cut off.

        Raises:
            duckdb.Error: DuckDB is dead.
        """
        if self._serving.is_set():
            self._serving.clear()
            con.execute("CALL quack_stop(?)", [self.uri])
        Archivo.release(self, con)


def _answers(uri: str) -> bool:
    """Whether something listens there: quack would share the port with another daemon, which would answer in turns."""
    host, port = address(uri)
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except OSError:
        return False
    return True


def address(uri: str) -> tuple[str, int]:
    """Host and port of `quack:HOST:PORT`."""
    host, _, port = uri.removeprefix("quack:").rpartition(":")
    return host.strip("[]"), int(port)
