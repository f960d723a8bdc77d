"""The one writer: transactions, turns, and the file that is only open while something is written."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import duckdb
import pytest
from duckdb import DuckDBPyConnection

from klk_daemon.errors import BaseFallida, ConfigError
from klk_daemon.warehouse.archivo import Archivo
from klk_daemon.warehouse.connection import CONFIG, Database

INSERT = "INSERT INTO t SELECT COALESCE(max(n), 0) + 1 FROM t"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The database file."""
    return tmp_path / "new" / "folder" / "klk.db"


@pytest.fixture
def db(path: Path) -> Iterator[Database]:
    """A writer of a file that is not there yet."""
    database = Database(Archivo(path), lock_timeout_s=10)
    yield database
    database.close()


def create(con: DuckDBPyConnection) -> None:
    """A table."""
    con.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER)")


def numbers(con: DuckDBPyConnection) -> list[int]:
    """What it holds."""
    return [n for (n,) in con.execute("SELECT n FROM t ORDER BY n").fetchall()]


def opened_elsewhere(path: Path) -> bool:
    """Whether another process can write to the file now."""
    code = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('CREATE OR REPLACE TABLE probe (n INTEGER)')"
    return subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=False).returncode == 0


def damaged(path: Path) -> bytes:
    """A file, after all its blocks were torn (256 KiB each, behind three headers); its contents."""
    path.parent.mkdir(parents=True)
    with duckdb.connect(path, config=CONFIG) as con:
        create(con)
    with path.open("r+b") as file:
        for place in range(3 * 4096, path.stat().st_size, 256 * 1024):
            file.seek(place + 100)
            file.write(b"torn")
    return path.read_bytes()


async def test_what_returns_is_committed(db: Database, path: Path) -> None:
    """The value comes back with the times, and the rows are on disk; the folder is made."""
    await db.transaction(create)
    done = await db.transaction(lambda con: con.execute("INSERT INTO t VALUES (7)").rowcount or "value")
    assert done.value
    assert done.espera_s >= 0
    assert done.carga_s >= 0
    other = Database(Archivo(path))
    assert (await other.transaction(numbers)).value == [7]
    other.close()


async def test_what_raises_is_rolled_back(db: Database) -> None:
    """Its own error reaches the caller, and nothing of it stays."""
    await db.transaction(create)

    def half(con: DuckDBPyConnection) -> None:
        con.execute("INSERT INTO t VALUES (1)")
        raise ConfigError("half way")

    with pytest.raises(ConfigError, match="half way"):
        await db.transaction(half)
    assert (await db.transaction(numbers)).value == []


async def test_a_statement_that_fails_rolls_back_too(db: Database) -> None:
    """An error of DuckDB's becomes one line that names the file; the next transaction works."""
    await db.transaction(create)

    def wrong(con: DuckDBPyConnection) -> None:
        con.execute("INSERT INTO t VALUES (1)")
        con.execute("INSERT INTO t VALUES ('x')")

    with pytest.raises(BaseFallida, match=r"klk\.db") as e:
        await db.transaction(wrong)
    assert "\n" not in str(e.value)
    assert e.value.error_tipo == "db_error"
    assert (await db.transaction(numbers)).value == []


async def test_one_that_fails_takes_no_other_along(db: Database) -> None:
    """Of many that wait together, each stands for itself."""
    await db.transaction(create)

    def run(con: DuckDBPyConnection, n: int) -> int:
        con.execute("INSERT INTO t VALUES (?)", [n])
        if n % 3 == 0:
            raise ValueError(n)
        return n

    done = await asyncio.gather(*(db.transaction(partial(run, n=n)) for n in range(12)), return_exceptions=True)
    assert [isinstance(d, ValueError) for d in done] == [n % 3 == 0 for n in range(12)]
    assert (await db.transaction(numbers)).value == [n for n in range(12) if n % 3]


async def test_a_damaged_file_is_told_of(db: Database, path: Path) -> None:
    """What a kill in the middle of DuckDB's write of a block leaves: what is wrong, and what to do; no byte changes."""
    before = damaged(path)
    with pytest.raises(BaseFallida, match=r"klk\.db: .*checksum.* — the file is damaged.* put a backup in its place"):
        await db.transaction(numbers)
    assert await asyncio.to_thread(path.read_bytes) == before


async def test_a_dry_run_leaves_nothing(db: Database) -> None:
    """`keep=False` does everything but the write."""
    await db.transaction(create)

    def insert(con: DuckDBPyConnection) -> list[int]:
        con.execute("INSERT INTO t VALUES (1)")
        return numbers(con)

    assert (await db.transaction(insert, keep=False)).value == [1]
    assert (await db.transaction(numbers)).value == []


async def test_many_tasks_lose_nothing(db: Database) -> None:
    """Transactions from many tasks come one after the other, through closings and openings of the file."""
    await db.transaction(create)

    async def task(n: int) -> None:
        for turn in range(5):
            await db.transaction(lambda con: con.execute(INSERT))
            await asyncio.sleep(0.002 * ((n + turn) % 3))

    await asyncio.gather(*(task(n) for n in range(12)))
    assert (await db.transaction(numbers)).value == list(range(1, 61))


async def test_only_one_thread_touches_the_file(db: Database) -> None:
    """The lock is the process's: one thread opens, works and closes."""
    threads = {(await db.transaction(lambda _: threading.get_ident())).value for _ in range(3)}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_between_transactions_the_file_is_free(db: Database, path: Path) -> None:
    """Another process gets in as soon as nothing is written, and what it wrote is there afterwards."""
    await db.transaction(create)
    for _ in range(3):
        await db.transaction(lambda con: con.execute(INSERT))
        await asyncio.sleep(0.1)
        assert await asyncio.to_thread(opened_elsewhere, path)
    assert (await db.transaction(lambda con: con.execute("SELECT count(*) FROM probe").fetchone())).value == (0,)


async def test_while_it_writes_nobody_gets_in(db: Database, path: Path) -> None:
    """Not even after other code in this process looked at the file with `stat`."""
    await db.transaction(create)

    def slow(con: DuckDBPyConnection) -> bool:
        con.execute(INSERT)
        path.stat()
        return opened_elsewhere(path)

    assert (await db.transaction(slow)).value is False


async def test_cancelled_before_its_turn_it_is_not_run(db: Database) -> None:
    """It leaves the queue; the one under way and those behind it go on."""
    began, go = threading.Event(), threading.Event()

    def slow(con: DuckDBPyConnection) -> None:
        create(con)
        began.set()
        go.wait(5)

    first = asyncio.create_task(db.transaction(slow))
    await asyncio.to_thread(began.wait)
    second = asyncio.create_task(db.transaction(lambda con: con.execute("INSERT INTO t VALUES (2)")))
    third = asyncio.create_task(db.transaction(lambda con: con.execute("INSERT INTO t VALUES (3)")))
    await asyncio.sleep(0.01)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    go.set()
    await asyncio.gather(first, third)
    assert (await db.transaction(numbers)).value == [3]


async def test_cancelled_while_it_runs_it_tells_what_happened(db: Database) -> None:
    """A thread commits all the same: the result is handed over, and the task still knows that it is to stop."""
    await db.transaction(create)
    began, go = threading.Event(), threading.Event()

    def slow(con: DuckDBPyConnection) -> str:
        con.execute(INSERT)
        began.set()
        go.wait(5)
        return "committed"

    async def caller() -> tuple[str, int]:
        done = await db.transaction(slow)
        task = asyncio.current_task()
        assert task is not None
        return done.value, task.cancelling()

    task = asyncio.create_task(caller())
    await asyncio.to_thread(began.wait)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.01)
    go.set()
    assert await task == ("committed", 3)
    assert (await db.transaction(numbers)).value == [1]
