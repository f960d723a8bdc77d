"""The database, broken in each way."""

import asyncio
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from held import held

from klk_daemon.checks.database import database
from klk_daemon.checks.finding import Grado, Hallazgo
from klk_daemon.warehouse.archivo import Archivo
from klk_daemon.warehouse.connection import Database

NOW = datetime(2025, 11, 17, 12, 0)  # noqa: DTZ001 - the stores' clock


async def check(path: Path, *, daemon_pid: int | None = None) -> dict[str, Hallazgo]:
    """The findings by name."""
    db = Database(Archivo(path), lock_timeout_s=0.2)
    try:
        return {found.check: found for found in await database(db, daemon_pid=daemon_pid, clock=lambda: NOW)}
    finally:
        db.close()


async def test_no_database_yet(tmp_path: Path) -> None:
    """Well, where it can be made; and it is not made."""
    found = await check(tmp_path / "data" / "klk.db")
    assert {name: f.estado for name, f in found.items()} == {"database": Grado.OK}
    assert not (tmp_path / "data").exists()


async def test_a_database_of_ours(tmp_path: Path) -> None:
    """It is opened, nothing is written, and its shape is known; so is one that is empty yet."""
    path = tmp_path / "klk.db"
    duckdb.connect(str(path)).close()
    found = await check(path)
    assert {name: f.estado for name, f in found.items()} == {"database": Grado.OK, "schema": Grado.OK}
    with duckdb.connect(str(path)) as con:
        assert con.execute("SHOW TABLES").fetchall() == []


async def test_a_database_of_the_older_pipeline(tmp_path: Path) -> None:
    """It fails with the command, since every run would."""
    path = tmp_path / "klk.db"
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE ventas_raw (numero_factura VARCHAR)")
    found = await check(path)
    assert (found["database"].estado, found["schema"].estado) == (Grado.OK, Grado.FAIL)
    assert "db migrate" in found["schema"].mensaje


async def test_a_database_of_a_newer_version(tmp_path: Path) -> None:
    """It fails: this version must not write it."""
    path = tmp_path / "klk.db"
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE esquema_version AS SELECT 999 AS version, now()::TIMESTAMP AS aplicada")
    assert (await check(path))["schema"].estado is Grado.FAIL


@pytest.mark.parametrize("content", ["text", "folder"])
async def test_something_else_at_its_place(tmp_path: Path, content: str) -> None:
    """It fails with a reason."""
    path = tmp_path / "klk.db"
    if content == "folder":
        path.mkdir()
    else:
        path.write_text("no database" * 1000, encoding="utf-8")
    found = await check(path)
    assert found["database"].estado is Grado.FAIL
    assert "klk.db" in found["database"].mensaje


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """It fails, and names the setting."""
    (tmp_path / "file").touch()
    found = (await check(tmp_path / "file" / "klk.db"))["database"]
    assert (found.estado, found.remedio) == (Grado.FAIL, "see database.path")


def test_who_holds_it(tmp_path: Path) -> None:
    """Another program is named with its pid; the daemon may, since it is writing."""
    path = tmp_path / "klk.db"
    with held(path) as holder:
        found = asyncio.run(check(path))["database"]
        assert (found.estado, f"(pid {holder.pid})" in found.mensaje) == (Grado.FAIL, True)
        assert found.remedio
        assert asyncio.run(check(path, daemon_pid=holder.pid))["database"].estado is Grado.OK
