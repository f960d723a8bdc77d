"""The write-ahead log of a large file stays beside it: seen by all, short, and never taken for another file's."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from duckdb import DuckDBPyConnection
from held import held
from structlog.testing import capture_logs

from klk_daemon.warehouse import archivo
from klk_daemon.warehouse.archivo import Archivo
from klk_daemon.warehouse.connection import Database
from klk_daemon.warehouse.staging import changed


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with one table, which from now on counts as large."""
    path = tmp_path / "klk.db"
    with duckdb.connect(path) as con:
        con.execute("CREATE TABLE t (n INTEGER, relleno VARCHAR)")
    monkeypatch.setattr(archivo, "LARGE_FILE", 0)
    return path


@pytest.fixture
def large(path: Path) -> Iterator[Database]:
    """The same, as a run opens it."""
    database = Database(Archivo(path, seal=path.with_name("seal")), lock_timeout_s=0.5)
    yield database
    database.close()


def insert(database: Database, n: int, relleno: str = "") -> None:
    """One commit."""
    asyncio.run(database.transaction(lambda con: changed(con, "INSERT INTO t VALUES (?, ?)", [n, relleno])))
    database._thread.submit(lambda: None).result()  # it has closed


def rows(database: Database) -> list[int]:
    """What the table holds."""

    def read(con: DuckDBPyConnection) -> list[int]:
        return [n for (n,) in con.execute("SELECT n FROM t ORDER BY n").fetchall()]

    return asyncio.run(database.transaction(read)).value


def log_of(path: Path) -> Path:
    """Where DuckDB keeps it."""
    return path.with_name("klk.db.wal")


def test_a_commit_stays_in_the_log_and_is_seen(large: Database, path: Path) -> None:
    """The file is not rewritten; the next opening, and a reader, see the row."""
    before = path.stat()
    insert(large, 1)
    assert (path.stat().st_mtime_ns, path.stat().st_size) == (before.st_mtime_ns, before.st_size)
    assert path.with_name("seal").stat().st_mode & 0o777 == 0o600
    assert log_of(path).stat().st_size > 0
    assert rows(large) == [1]
    read = "import duckdb, sys; print(duckdb.connect(sys.argv[1], read_only=True).execute('FROM t').fetchall())"
    out = subprocess.run([sys.executable, "-c", read, path], capture_output=True, text=True, check=True).stdout
    assert out == "[(1, '')]\n"


def test_a_long_log_is_written_into_the_file(large: Database, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its limit it is gone when the file is closed."""
    monkeypatch.setattr(archivo, "LONG_WAL", 1000)
    insert(large, 1)
    assert log_of(path).exists()
    insert(large, 2, "x" * 2000)
    assert not log_of(path).exists() or log_of(path).stat().st_size == 0
    assert rows(large) == [1, 2]


def test_a_small_file_has_no_log(tmp_path: Path) -> None:
    """A copy of it alone is the whole database."""
    with duckdb.connect(tmp_path / "klk.db") as con:
        con.execute("CREATE TABLE t (n INTEGER, relleno VARCHAR)")
    database = Database(Archivo(tmp_path / "klk.db", seal=tmp_path / "seal"))
    insert(database, 1)
    database.close()
    assert not log_of(tmp_path / "klk.db").exists()


@pytest.mark.parametrize("keep_times", [False, True])
def test_a_copy_put_in_its_place_does_not_get_the_others_log(
    large: Database, path: Path, monkeypatch: pytest.MonkeyPatch, *, keep_times: bool
) -> None:
    """The log of the file that was there is put aside, loudly; the copy is as it was when it was made."""
    copy = shutil.copy2 if keep_times else shutil.copy
    monkeypatch.setattr(archivo, "LONG_WAL", 0)
    insert(large, 1)
    backup = path.with_name("backup")
    shutil.copy2(path, backup)
    insert(large, 2)
    monkeypatch.setattr(archivo, "LONG_WAL", 10**6)
    insert(large, 3)
    copy(backup, path)
    with capture_logs() as logged:
        assert rows(large) == [1]
    (told,) = [entry for entry in logged if entry["event"] == "wal_ajeno"]
    assert Path(told["wal"]).exists()


def test_a_log_that_somebody_went_on_with_is_the_files(large: Database, path: Path) -> None:
    """Another program wrote to the file, and was killed before it could close: its rows are there."""
    insert(large, 1)
    write = (
        "import duckdb, os, sys; con = duckdb.connect(sys.argv[1]);"
        "con.execute('CHECKPOINT'); con.execute('INSERT INTO t VALUES (2, NULL)'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", write, path], check=True)
    assert rows(large) == [1, 2]


def test_a_file_that_is_held_is_looked_after_by_its_holder(large: Database, path: Path) -> None:
    """Its log is not taken away from under another process, whatever the file looks like from outside."""
    insert(large, 1)
    with held(path):
        os.utime(path)  # as in the middle of a checkpoint
        large.origen.before_open()
        assert log_of(path).exists()
