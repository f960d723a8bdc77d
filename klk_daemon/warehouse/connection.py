"""The only code that opens the database.

DuckDB's file lock belongs to the process, not to the connection: a second way of opening the file in this process
would drop it, and another process could write at the same time. So all work on the database goes through one thread,
which opens the file, runs the transactions that are waiting, and closes it, so that readers in other processes get
in between (contract, "What a run guarantees", 7). A place that lets others in by other ways is kept open (origen.py).
"""

import asyncio
import importlib.util
import os
import random
import re
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import structlog
from duckdb import DuckDBPyConnection

from klk_daemon.errors import BaseFallida, BaseOcupada, Interrumpido
from klk_daemon.warehouse.origen import Origen, first_line
from klk_daemon.warehouse.recibo import apartar_wal
from klk_daemon.warehouse.transaccion import Done, Kind, Queue, Turn, Work, transact

log = structlog.get_logger()

P = TypeVar("P")
T = TypeVar("T")

if importlib.util.find_spec("pandas") is None:
    # DuckDB tries to import it for every value that is bound: 100 us of search each, 50 ms in a run. None in
    # `sys.modules` is Python's own way to say that a module is not there.
    sys.modules["pandas"] = None  # type: ignore[assignment]

# Rows are checked and converted in Python meanwhile, which lets go of its lock every 5 ms only: at each of its
# statements, and most take less, the thread would wait for that. A fifth of this costs large runs a tenth of the
# processor's time.
sys.setswitchinterval(0.001)

POLL_S = 0.1
# What may pass in a moment is tried so often, with so long a pause before the second time, and twice that before each
# further one.
ATTEMPTS = 5
PAUSE_S = 0.2
# Who holds the file while a transaction of ours goes on.
OURS = "this program itself"
# Not every failure to replay is the log's own: a full disk or too little memory may pass.
WAL_UNREADABLE = re.compile(r"Failure while replaying WAL.*(corrupt|checksum|serializ)", re.IGNORECASE | re.DOTALL)
HOLDER = re.compile(r"lock is held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")
CONFIG: dict[str, Any] = {
    # A file that DuckDB 1.0 can read, whatever version writes it.
    "storage_compatibility_version": "v1.0.0",
    # Nothing is fetched at run time.
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    # A run's tables are small: a second thread would take a fifth more processor time, and most of it waiting.
    "threads": 1,
}


class Database:
    """The database and the thread that alone touches it: the writer lock of this process.

    Args:
        origen: where the tables lie.
        lock_timeout_s, memory_limit: see `configure`.
        read_only: opens it beside other readers, and changes nothing.
        also: more to do on a fresh connection.
    """

    def __init__(
        self,
        origen: Origen,
        *,
        lock_timeout_s: float = 120,
        memory_limit: str = "512MB",
        read_only: bool = False,
        also: Callable[[DuckDBPyConnection], None] | None = None,
    ) -> None:
        self.origen = origen
        self._read_only = read_only
        self._also = also
        self._connection: DuckDBPyConnection | None = None
        self._limit = memory_limit
        self._holder = OURS
        self.configure(lock_timeout_s=lock_timeout_s, memory_limit=memory_limit)
        self._queue = Queue()
        self._stopping = threading.Event()
        self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")

    def configure(self, *, lock_timeout_s: float, memory_limit: str) -> None:
        """Takes other limits, from the next opening on: seconds to wait for a held file, DuckDB's memory (`512MB`)."""
        self._lock_timeout_s = lock_timeout_s
        self._config = {**CONFIG, "memory_limit": memory_limit}

    async def transaction(
        self, run: Callable[[DuckDBPyConnection], T], *, keep: bool = True, patience_s: float | None = None
    ) -> Done[T]:
        """Runs `run` in a transaction of its own: committed when it returns, rolled back when it raises.

        Args:
            run: gets the open connection; see `Kind`.
            keep: False rolls back at the end.
            patience_s: how long to wait for another process that holds the file, where not `lock_timeout_s`.

        Raises: see `together`.
        """
        return await self._queued(Work(Kind(lambda con, _: [run(con)], keep=keep), None, patience_s=patience_s))

    async def together(self, kind: Kind[P, T], part: P, *, rows: int) -> Done[T]:
        """Does a part in one transaction with what else of its kind waits, or in one of its own should that fail.

        A caller that is cancelled before its turn came leaves the queue; so it does after a shared transaction that
        failed. One that is cancelled while the transaction runs gets its result all the same, since a thread cannot be
        cancelled and commits; `Task.cancelling()` still tells it to stop.

        Args:
            kind: what to do.
            part: what to do it with.
            rows: how many it has, so that not too many come together.

        Raises:
            BaseOcupada: another process held the file for too long.
            BaseFallida: it cannot be opened or written.
            Interrumpido: the program ends.
        """
        return await self._queued(Work(kind, part, rows=rows))

    async def _queued(self, work: Work[P, T]) -> Done[T]:
        if self._closed:
            raise Interrumpido(f"the database {self.origen.name} is closed")
        if self._queue.put(work):
            self._thread.submit(self._drain)
        outcome = asyncio.wrap_future(work.future)
        while True:
            try:
                return await asyncio.shield(outcome)
            except asyncio.CancelledError:
                if work.future.cancel() or work.future.cancelled():
                    raise
                work.abandoned = True

    def exists(self) -> bool:
        """Whether there is a database yet; looking does not open it."""
        return self.origen.exists()

    def stop_waiting(self) -> None:
        """Gives up waiting for another process at once (shutdown): what waits fails as `interrumpido`."""
        self._stopping.set()

    def close(self) -> None:
        """Waits for the work under way; nothing can be queued afterwards. Again, it does nothing."""
        if self._closed:
            return
        self._closed = True
        self._thread.submit(self._disconnect)
        self._thread.shutdown(wait=True)
        self.origen.soltar()

    def _drain(self) -> None:
        """Opens the database once for all that waits, so that readers get in when nothing does."""
        self._queue.serve(self._done)
        self._rest()

    def _done(self, turn: Turn[P, T]) -> Sequence[Done[T]]:
        """Does it; again where a failure may pass: a transaction bears repetition."""
        attempt = 1
        while True:
            try:
                return self._attempt(turn)
            except duckdb.Error as e:
                averia = self.origen.averia(e)
                if averia.perdida:
                    self._release()
                if not averia.pasajera or attempt == ATTEMPTS or self._stopping.is_set():
                    raise BaseFallida(f"the database {self.origen.name}: {averia.mensaje}", hint=averia.remedio) from e
                log.info("bd_reintento", intento=attempt, error=averia.mensaje)
            self._stopping.wait(PAUSE_S * 2 ** (attempt - 1) * random.uniform(0.5, 1))  # noqa: S311 - no secret
            attempt += 1

    def _attempt(self, turn: Turn[P, T]) -> Sequence[Done[T]]:
        first = turn.works[0]
        until = first.queued + self._patience(first)
        right = self.origen.turno(until, self._stopping) if first.kind.keep else nullcontext(_nothing)
        with right as still_ours:
            connection = self._ready(first)
            turn.join()
            began = time.monotonic()
            values = transact(connection, turn.works, still_ours)
            took = time.monotonic() - began
        return [Done(value, began - work.queued, took) for work, value in zip(turn.works, values, strict=True)]

    def _patience(self, work: Work[Any, Any]) -> float:
        return self._lock_timeout_s if work.patience_s is None else work.patience_s

    def _ready(self, work: Work[Any, Any]) -> DuckDBPyConnection:
        """The open connection, with the limits in force."""
        limit = self._config["memory_limit"]
        if self._connection is None:
            self._connection = self._open(work)
        elif limit != self._limit:
            self._connection.execute(f"SET GLOBAL memory_limit = '{limit}'")
        self._limit = limit
        return self._connection

    def _rest(self) -> None:
        """Nothing waits: closes the database, or leaves it open in good order."""
        if not self.origen.stays_open:
            self._disconnect()
        elif self._connection is not None:
            try:
                self.origen.settle(self._connection)
            except duckdb.FatalException as e:
                log.error("bd_sin_asentar", error=first_line(e))  # noqa: TRY400 - not a bug, no traceback
                self._release()
            except duckdb.Error as e:  # what is committed is in the log: the next transaction tries again
                log.warning("bd_sin_asentar", error=first_line(e))

    def _disconnect(self) -> None:
        if (connection := self._release()) is not None:
            connection.close()

    def _release(self) -> DuckDBPyConnection | None:
        """Lets go of the connection, and hands it over; one to an instance that is dead is of no use to anybody."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                if not self._read_only:
                    self.origen.release(connection)
            except (duckdb.Error, OSError) as e:  # what was committed is in the log, which the next opening reads
                log.warning("bd_sin_asentar", error=first_line(e))
        return connection

    def _open(self, work: Work[Any, Any]) -> DuckDBPyConnection:
        """Opens it; while another process holds the file, tries for as long as `work` may wait, once at least."""
        patience_s = self._patience(work)
        while True:
            try:
                if not self._read_only:
                    self.origen.before_open()
                connection = duckdb.connect(self.origen.path, read_only=self._read_only, config=self._config)
                self._holder = OURS
                return self._prepared(connection)
            except OSError as e:
                raise BaseFallida(
                    f"the database {self.origen.name} cannot be reached: {e}", hint="see database.path"
                ) from e
            except duckdb.Error as e:  # DuckDB 2 has no kind for a log that it cannot replay
                if (
                    not self._read_only
                    and WAL_UNREADABLE.search(str(e))
                    and (aside := apartar_wal(Path(self.origen.path))) is not None
                ):
                    log.critical("wal_apartado", wal=str(aside), error=first_line(e))
                    continue
                if (holder := HOLDER.search(str(e))) is None and "Could not set lock" not in str(e):
                    raise
                self._holder = f"{holder['program']} (pid {holder['pid']})" if holder else "another process"
                if self._stopping.is_set():
                    raise Interrumpido("shutdown while another process held the database") from e
                if time.monotonic() >= work.queued + patience_s:
                    raise self.busy(patience_s) from e
            self._stopping.wait(POLL_S)

    def _prepared(self, connection: DuckDBPyConnection) -> DuckDBPyConnection:
        try:
            self.origen.prepare(connection)
            if self._also is not None:
                self._also(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def busy(self, patience_s: float) -> BaseOcupada:
        """What is said when it is waited for no longer, by one whose turn has not come even."""
        return BaseOcupada(
            f"the database {self.origen.name} was held by {self._holder} for more than {patience_s:g} s",
            hint="close that program, or raise database.lock_timeout_s; the next run makes it up",
        )


def use_all_processors(con: DuckDBPyConnection) -> None:
    """For what reads whole tables; a run does with one thread (CONFIG)."""
    con.execute(f"SET threads = {os.cpu_count() or 1}")


def _nothing() -> None:
    """Who only reads needs no right to write."""
