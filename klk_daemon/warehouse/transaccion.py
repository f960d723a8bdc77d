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
import structlog
from duckdb import DuckDBPyConnection

from klk_daemon.errors import Interrumpido

log = structlog.get_logger()
P = TypeVar("P")
T = TypeVar("T")

# Two days of a store's lines: what is done together has to fit into memory.
MOST_ROWS = 12_000


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What a transaction returned, how long it waited for the database, and how long it took (seconds).

    Of one that was shared: how long the whole of it took.
    """

    value: T
    espera_s: float
    carga_s: float


@dataclass(frozen=True, slots=True)
class Kind(Generic[P, T]):
    """What transactions have in common that can be one; those of equal `name` are.

    Attributes:
        run: gets the open connection and the parts, and returns a value for each of them. It must bear repetition: a
            commit whose answer was lost may have happened. What it logs is in the name of the first part's caller.
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
        self.abandoned = False  # its caller was cancelled, and waits only because it has begun


class Turn(Generic[P, T]):
    """Works of one kind that are done together: the one whose turn it is, and what joins it."""

    def __init__(self, first: Work[P, T], queue: "Queue | None") -> None:
        self.works = [first]
        self._queue = queue

    def join(self) -> None:
        """Takes what waits and can be done with it, now that it can begin; nothing where each is done by itself."""
        if self._queue is not None:
            self.works += self._queue.like(self.works)


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

    def serve(self, do: Callable[[Turn[Any, Any]], Sequence[Done[Any]]]) -> None:
        """Has all done that waits, until nothing does, and tells the callers; `do` returns a value for each work."""
        while (work := self._next()) is not None:
            _finish(Turn(work, self), do)

    def like(self, works: Sequence[Work[P, T]]) -> list[Work[P, T]]:
        """Takes out what can be done with these."""
        name, rows = works[0].kind.name, sum(work.rows for work in works)
        taken: list[Work[P, T]] = []
        with self._guard:
            for work in [w for w in self._waiting if name is not None and w.kind.name == name]:
                rows += work.rows
                if rows > MOST_ROWS:
                    break
                self._waiting.remove(work)
                if work.future.set_running_or_notify_cancel():
                    taken.append(work)
        return taken

    def _next(self) -> Work[Any, Any] | None:
        with self._guard:
            while self._waiting:
                work = self._waiting.popleft()
                if work.future.set_running_or_notify_cancel():
                    return work
            self._served = False
            return None


def _finish(turn: Turn[Any, Any], do: Callable[[Turn[Any, Any]], Sequence[Done[Any]]]) -> None:
    try:
        values = do(turn)
    except BaseException as e:  # noqa: BLE001 - handed to the caller, who raises it
        if len(turn.works) == 1:
            turn.works[0].future.set_exception(e)
            return
        for work in turn.works:
            if work.abandoned:
                work.future.set_exception(Interrumpido("cut off before its turn came"))
            else:
                _finish(Turn(work, None), do)
    else:
        for work, value in zip(turn.works, values, strict=True):
            work.future.set_result(value)


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
        made = works[0].context.run(kind.run, connection, [work.part for work in works])
        values = [value for _, value in zip(works, made, strict=True)]  # or the commit would not be everybody's
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
        try:
            kind.committed(values)
        except Exception:  # a commit that stands is no failure
            log.exception("error_interno")
    return values
