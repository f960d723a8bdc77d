"""A database file that cannot be had: held by another process, or not to be opened at all."""

import asyncio
import time
from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection
from held import held

from klk_daemon.errors import BaseFallida, BaseOcupada, Interrumpido
from klk_daemon.warehouse.archivo import Archivo
from klk_daemon.warehouse.connection import Database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The database file."""
    return tmp_path / "klk.db"


def create(con: DuckDBPyConnection) -> None:
    """A table."""
    con.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER)")


@pytest.mark.parametrize("kind", ["writer", "reader"])
async def test_a_file_that_is_held_is_waited_for(path: Path, kind: str) -> None:
    """A reader or a writer elsewhere that goes away within the time costs nothing but the time."""
    db = Database(Archivo(path), lock_timeout_s=10)
    await db.transaction(create)
    await asyncio.sleep(0.05)
    with held(path, kind):
        waiting = asyncio.create_task(db.transaction(create))
        await asyncio.sleep(0.4)
        assert not waiting.done()
    done = await waiting
    db.close()
    assert done.espera_s >= 0.4


async def test_a_file_that_is_held_too_long(path: Path) -> None:
    """The error names the program and its pid, and exits 4."""
    db = Database(Archivo(path), lock_timeout_s=0.3)
    with held(path) as process, pytest.raises(BaseOcupada, match=rf"python.*\(pid {process.pid}\)") as e:
        await db.transaction(create)
    assert (e.value.error_tipo, e.value.exit_code) == ("bd_ocupada", 4)
    assert "\n" not in str(e.value)
    await db.transaction(create)
    db.close()


async def test_those_that_wait_together_wait_once(path: Path) -> None:
    """`lock_timeout_s` counts from when each began to wait: four stores do not wait four times as long."""
    db = Database(Archivo(path), lock_timeout_s=0.6)
    with held(path):
        began = time.monotonic()
        done = await asyncio.gather(*(db.transaction(create) for _ in range(4)), return_exceptions=True)
        took = time.monotonic() - began
    db.close()
    assert all(isinstance(d, BaseOcupada) for d in done)
    assert took < 1.5


async def test_at_shutdown_it_waits_no_longer(path: Path) -> None:
    """What waits for another process fails as `interrumpido` at once."""
    db = Database(Archivo(path), lock_timeout_s=60)
    with held(path):
        waiting = asyncio.create_task(db.transaction(create))
        await asyncio.sleep(0.2)
        began = time.monotonic()
        db.stop_waiting()
        with pytest.raises(Interrumpido):
            await waiting
        assert time.monotonic() - began < 1
    await db.transaction(create)  # a free file is still written to: the ledger wants its last word
    db.close()


@pytest.mark.parametrize("what", ["text", "folder", "folder_of_it_is_a_file"])
async def test_what_cannot_be_opened(tmp_path: Path, what: str) -> None:
    """One readable line that names the file, at once."""
    path = tmp_path / "klk.db"
    if what == "text":
        path.write_text("no database " * 1000)
    elif what == "folder":
        path.mkdir()
    else:
        path.write_text("a file")
        path /= "klk.db"
    db = Database(Archivo(path), lock_timeout_s=60)
    began = time.monotonic()
    with pytest.raises(BaseFallida, match=r"klk\.db") as e:
        await db.transaction(create)
    db.close()
    assert time.monotonic() - began < 5
    assert "\n" not in str(e.value)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
async def test_what_cannot_be_written() -> None:
    """A folder in which no file can be made is `db_error`, not a wait; so it is for root, too."""
    db = Database(Archivo(Path("/proc/self/klk.db")), lock_timeout_s=60)
    with pytest.raises(BaseFallida, match=r"klk\.db"):
        await db.transaction(create)
    db.close()
