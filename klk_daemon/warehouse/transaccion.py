"""One transaction, as it waits for its turn and as it is done; who opens the database is connection.py."""

import contextvars
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

import duckdb
from duckdb import DuckDBPyConnection

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What a transaction returned, how long it waited for the database, and how long it took (seconds)."""

    value: T
    espera_s: float
    carga_s: float


class Work(Generic[T]):
    """One transaction that waits for its turn."""

    def __init__(
        self,
        run: Callable[[DuckDBPyConnection], T],
        *,
        keep: bool,
        committed: Callable[[T], None] | None,
        patience_s: float | None,
    ) -> None:
        # The caller's, so that what is logged in the thread names the run.
        self._context = contextvars.copy_context()
        self._run = run
        self.keep = keep
        self.committed = committed
        self.patience_s = patience_s
        self.future: Future[Done[T]] = Future()
        self.queued = time.monotonic()

    def run(self, connection: DuckDBPyConnection) -> T:
        """Does it, in the transaction that is open."""
        return self._context.run(self._run, connection)


def transact(connection: DuckDBPyConnection, work: Work[T], still_ours: Callable[[], None]) -> T:
    """Does the work between BEGIN and its end.

    Args:
        connection: an open one.
        work: whose `committed` is told right after the commit.
        still_ours: called right before the commit; raises where the right to write was lost.
    """
    connection.execute("BEGIN")
    try:
        value = work.run(connection)
        if work.keep:
            still_ours()
    except duckdb.Error:
        with suppress(duckdb.Error):  # the first failure is the one to tell of
            connection.execute("ROLLBACK")
        raise
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT" if work.keep else "ROLLBACK")
    if work.keep and work.committed is not None:
        work.committed(value)
    return value
