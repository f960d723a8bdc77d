"""Transactions, as they wait for their turn and as they are done; who opens the database is connection.py.

What is of one kind and waits at the same time is done together: a transaction costs the same for many stores' lines
as for one's. Should it fail, each is done by itself, so that what is wrong with one keeps none of the others back.
"""

import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import duckdb
from duckdb import DuckDBPyConnection

P = TypeVar("P")
T = TypeVar("T")

# Two days of a store's lines: what is done together has to fit into memory.
MOST_ROWS = 12_000


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What a transaction returned, how long it waited for the database, and how long it took (seconds)."""

    value: T
    espera_s: float
    carga_s: float


@dataclass(frozen=True, slots=True)
class Kind(Generic[P, T]):
    """What transactions have in common that can be one; those of equal `name` are.

    Attributes:
        run: gets the open connection and the parts, and returns a value for each of them. It must bear repetition: a
            commit whose answer was lost may have happened.
        name: None where no other is done with it.
        keep: False rolls back at the end (`--dry-run`).
        committed: called with the values right after the commit, before anything else is written.
    """

    run: Callable[[DuckDBPyConnection, Sequence[P]], Sequence[T]]
    name: Hashable = None
    keep: bool = True
    committed: Callable[[Sequence[T]], None] | None = None


class Work(Generic[P, T]):
    """One part, of so many rows, that waits for its turn."""

    def __init__(self, kind: Kind[P, T], part: P, *, rows: int = 0, patience_s: float | None = None) -> None:
        # The caller's, so that what is logged in the thread names the run.
        self.context = contextvars.copy_context()
        self.kind = kind
        self.part = part
        self.rows = rows
        self.patience_s = patience_s
        self.future: Future[Done[T]] = Future()
        self.queued = time.monotonic()


# Adds to works that are about to begin what else can be done with them.
Join = Callable[[list[Work[P, T]]], None]


class Queue:
    """What waits for the database, the first first."""

    def __init__(self) -> None:
        self._waiting: deque[Work[Any, Any]] = deque()
        self._guard = threading.Lock()
        self._served = False

    def put(self, work: Work[Any, Any]) -> bool:
        """Adds it; whether somebody has to begin to serve."""
        with self._guard:
            self._waiting.append(work)
            begin, self._served = not self._served, True
            return begin

    def serve(self, do: Callable[[list[Work[Any, Any]], Join[Any, Any]], Sequence[Done[Any]]]) -> None:
        """Has all done that waits, until nothing does, and tells the callers.

        Args:
            do: does works of one kind, a value for each. It calls what it is given as soon as it can begin.
        """
        while (work := self._next()) is not None:
            _finish([work], do, self._join)

    def _next(self) -> Work[Any, Any] | None:
        with self._guard:
            while self._waiting:
                work = self._waiting.popleft()
                if work.future.set_running_or_notify_cancel():
                    return work
            self._served = False
            return None

    def _join(self, works: list[Work[P, T]]) -> None:
        name, rows = works[0].kind.name, sum(work.rows for work in works)
        if name is None:
            return
        with self._guard:
            for work in [w for w in self._waiting if w.kind.name == name]:
                rows += work.rows
                if rows > MOST_ROWS:
                    return
                self._waiting.remove(work)
                if work.future.set_running_or_notify_cancel():
                    works.append(work)


def _finish(
    works: list[Work[Any, Any]],
    do: Callable[[list[Work[Any, Any]], Join[Any, Any]], Sequence[Done[Any]]],
    join: Join[Any, Any],
) -> None:
    try:
        values = do(works, join)
    except BaseException as e:  # noqa: BLE001 - handed to the caller, who raises it
        if len(works) == 1:
            works[0].future.set_exception(e)
        else:
            for work in works:
                _finish([work], do, _nobody)
    else:
        for work, value in zip(works, values, strict=True):
            work.future.set_result(value)


def _nobody(works: list[Work[Any, Any]]) -> None:
    """Joins one that is done by itself."""


def transact(
    connection: DuckDBPyConnection, works: Sequence[Work[P, T]], still_ours: Callable[[], None]
) -> Sequence[T]:
    """Does works of one kind between BEGIN and its end; a value for each.

    Args:
        connection: an open one.
        works: one at least.
        still_ours: called right before the commit; raises where the right to write was lost.
    """
    kind = works[0].kind
    connection.execute("BEGIN")
    try:
        values = works[0].context.run(kind.run, connection, [work.part for work in works])
        if kind.keep:
            still_ours()
    except duckdb.Error:
        with suppress(duckdb.Error):  # the first failure is the one to tell of
            connection.execute("ROLLBACK")
        raise
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT" if kind.keep else "ROLLBACK")
    if kind.keep and kind.committed is not None:
        kind.committed(values)
    return values
