"""What waits at the same time and is of one kind is done together, and by itself where that fails."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection

from klk_daemon.errors import BaseFallida, Interrumpido, SnapshotSospechoso
from klk_daemon.warehouse.archivo import Archivo
from klk_daemon.warehouse.connection import Database
from klk_daemon.warehouse.transaccion import MOST_ROWS, Done, Kind

Run = Callable[[DuckDBPyConnection, Sequence[int]], Sequence[int]]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """A writer."""
    database = Database(Archivo(tmp_path / "klk.db"))
    yield database
    database.close()


class Loader:
    """Writes numbers into a table; `groups` are those that were tried together, `noted` those that were committed."""

    def __init__(self, *, bad: int | None = None, error: Callable[[], Exception] = lambda: ValueError("bad")) -> None:
        self.groups: list[list[int]] = []
        self.noted: list[list[int]] = []
        self._bad = bad
        self._error = error

    def run(self, con: DuckDBPyConnection, parts: Sequence[int]) -> Sequence[int]:
        """Writes first, and fails then."""
        self.groups.append(list(parts))
        con.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER)")
        con.execute("INSERT INTO t SELECT unnest(?)", [list(parts)])
        if self._bad in parts:
            raise self._error()
        return [10 * part for part in parts]

    def kind(self, name: str | None = "numbers", *, keep: bool = True) -> Kind[int, int]:
        """How it is asked for."""
        return Kind(self.run, name, keep=keep, committed=lambda values: self.noted.append(list(values)))


@contextmanager
def held(db: Database) -> Iterator[None]:
    """The thread is busy until the block ends: what is queued in it waits."""
    over = threading.Event()

    def wait(con: DuckDBPyConnection) -> None:
        del con
        assert over.wait(10)

    task = asyncio.ensure_future(db.transaction(wait))
    task.add_done_callback(lambda t: t.exception())
    try:
        yield
    finally:
        over.set()


async def numbers(db: Database) -> list[int]:
    """What the table holds."""
    done = await db.transaction(lambda con: con.execute("SELECT n FROM t ORDER BY n").fetchall())
    return [n for (n,) in done.value]


async def all_of(db: Database, kind: Kind[int, int], parts: Sequence[int], rows: int = 1) -> list[object]:
    """Asks for each part while the thread is busy; values or errors."""
    with held(db):
        tasks = [asyncio.ensure_future(db.together(kind, part, rows=rows)) for part in parts]
        await asyncio.sleep(0.01)  # they are queued
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    return [e.value if isinstance(e, Done) else e for e in ended]


async def test_what_waits_is_one_transaction(db: Database) -> None:
    """Each gets its own value, and the commit is told of once."""
    loader = Loader()
    assert await all_of(db, loader.kind(), [1, 2, 3]) == [10, 20, 30]
    assert loader.groups == [[1, 2, 3]]
    assert loader.noted == [[10, 20, 30]]
    assert await numbers(db) == [1, 2, 3]


async def test_what_is_of_no_kind_is_alone(db: Database) -> None:
    """However many wait."""
    loader = Loader()
    assert await all_of(db, loader.kind(None), [1, 2]) == [10, 20]
    assert loader.groups == [[1], [2]]


async def test_other_kinds_are_passed_over(db: Database) -> None:
    """Each kind is one transaction."""
    loader = Loader()
    with held(db):
        tasks = [
            asyncio.ensure_future(db.together(loader.kind(name), part, rows=1))
            for part, name in enumerate(["a", "b", "a", "b"])
        ]
        await asyncio.sleep(0.01)
    await asyncio.gather(*tasks)
    assert loader.groups == [[0, 2], [1, 3]]


async def test_not_too_many_come_together(db: Database) -> None:
    """A part that is as large as may be is alone, larger ones too."""
    loader = Loader()
    await all_of(db, loader.kind(), [1, 2, 3], rows=MOST_ROWS // 2)
    await all_of(db, loader.kind(), [4, 5], rows=MOST_ROWS + 1)
    assert loader.groups == [[1, 2], [3], [4], [5]]


@pytest.mark.parametrize("error", [lambda: ValueError("bad"), lambda: SnapshotSospechoso("bad")], ids=["bug", "told"])
async def test_one_that_fails_takes_no_other_along(db: Database, error: Callable[[], Exception]) -> None:
    """All are rolled back, and done again one by one: only the bad one has failed, and has left nothing."""
    loader = Loader(bad=2, error=error)
    one, two, three = await all_of(db, loader.kind(), [1, 2, 3])
    assert (one, three) == (10, 30)
    assert isinstance(two, type(error()))
    assert loader.groups == [[1, 2, 3], [1], [2], [3]]
    assert loader.noted == [[10], [30]]
    assert await numbers(db) == [1, 3]


async def test_a_statement_that_fails_takes_no_other_along(db: Database) -> None:
    """Though it has ended the transaction by itself."""

    def run(con: DuckDBPyConnection, parts: Sequence[int]) -> Sequence[int]:
        con.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER CHECK (n <> 2))")
        con.execute("INSERT INTO t SELECT unnest(?)", [list(parts)])
        return parts

    one, two, three = await all_of(db, Kind(run, "numbers"), [1, 2, 3])
    assert (one, three) == (1, 3)
    assert isinstance(two, BaseFallida)
    assert await numbers(db) == [1, 3]


async def test_who_was_cancelled_is_left_out(db: Database) -> None:
    """Before its turn came, also where it would have been another's transaction."""
    loader = Loader()
    with held(db):
        tasks = [asyncio.ensure_future(db.together(loader.kind(), part, rows=1)) for part in (1, 2, 3)]
        await asyncio.sleep(0.01)
        tasks[1].cancel()
        await asyncio.sleep(0.01)
    assert tasks[1].cancelled()
    await asyncio.gather(tasks[0], tasks[2])
    assert loader.groups == [[1, 3]]


async def test_who_was_cancelled_while_all_failed_together_is_left_out(db: Database) -> None:
    """Nobody waits for it: at a shutdown each would take its time."""
    begun, go = threading.Event(), threading.Event()
    loader = Loader(bad=1)

    def run(con: DuckDBPyConnection, parts: Sequence[int]) -> Sequence[int]:
        begun.set()
        assert go.wait(10)
        return loader.run(con, parts)

    kind = Kind(run, "numbers")
    with held(db):
        tasks = [asyncio.ensure_future(db.together(kind, part, rows=1)) for part in (1, 2, 3)]
        await asyncio.sleep(0.01)
    await asyncio.to_thread(begun.wait, 10)
    tasks[2].cancel()
    await asyncio.sleep(0.01)
    go.set()
    one, two, three = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(one, ValueError)
    assert isinstance(two, Done)
    assert isinstance(three, Interrumpido)
    assert loader.groups == [[1, 2, 3], [1], [2]]


async def test_a_commit_that_stands_is_no_failure(db: Database) -> None:
    """Whatever goes wrong after it: who heard of a failure would write it again."""
    loader = Loader()

    def broken(values: Sequence[int]) -> None:
        raise RuntimeError(str(values))

    assert await all_of(db, Kind(loader.run, "numbers", committed=broken), [1, 2]) == [10, 20]
    assert loader.groups == [[1, 2]]
    assert await numbers(db) == [1, 2]


async def test_too_few_values_are_no_commit(db: Database) -> None:
    """Whose would be missing?"""

    def run(con: DuckDBPyConnection, parts: Sequence[int]) -> Sequence[int]:
        con.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER)")
        con.execute("INSERT INTO t SELECT unnest(?)", [list(parts)])
        return [*parts][:1]

    assert await all_of(db, Kind(run, "numbers"), [1, 2]) == [1, 2]
    assert await numbers(db) == [1, 2]


async def test_after_the_end_nothing_is_taken(db: Database) -> None:
    """It is refused, each time, and nobody waits for ever."""
    db.close()
    for _ in range(2):
        with pytest.raises(Interrumpido):
            await asyncio.wait_for(numbers(db), 5)


async def test_a_dry_run_leaves_nothing(db: Database) -> None:
    """And tells nobody of a commit."""
    loader = Loader()
    assert await all_of(db, loader.kind(keep=False), [1, 2]) == [10, 20]
    assert loader.groups == [[1, 2]]
    assert loader.noted == []
