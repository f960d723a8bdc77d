"""Upgrades of the database: a backup of what is rebuilt, then all steps in one transaction, or none."""

import re
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from duckdb import DuckDBPyConnection
from structlog.testing import capture_logs

from klk_daemon.errors import BaseFallida, ConfigError
from klk_daemon.warehouse import archivo, respaldo, schema, staging
from klk_daemon.warehouse.archivo import Archivo
from klk_daemon.warehouse.connection import CONFIG, Database

AHORA = datetime(2025, 11, 17, 12, 35, 4)  # noqa: DTZ001 - a store's wall clock
FIRST = schema.migrations()[:1]
# Another type for a column, as a rebuild; a table that no database has is nothing to back up.
SECOND = """-- Kilograms to the gram.
-- rebuilds: stock_actual, never_there
CREATE TABLE stock_nuevo AS SELECT * REPLACE (CAST(cantidad AS DECIMAL(18, 3)) AS cantidad) FROM stock_actual;
DROP TABLE stock_actual;
ALTER TABLE stock_nuevo RENAME TO stock_actual;
CREATE TABLE turnos (id VARCHAR);
"""
# `turnos` came with the step before: there is nothing of it in the old database.
THIRD = """-- rebuilds: ventas_raw, turnos
ALTER TABLE ventas_raw ADD COLUMN caja VARCHAR;
DELETE FROM turnos;
"""
BROKEN = "-- rebuilds: ventas_raw\nDROP TABLE ventas_raw;\nALTER TABLE no_such_table ADD COLUMN x INTEGER;"
ROWS = {"stock_actual": 300, "ventas_raw": 2000}


def steps(monkeypatch: pytest.MonkeyPatch, *later: str) -> None:
    """A program that knows these steps beyond the first."""
    known = [*FIRST, *enumerate(later, start=2)]
    monkeypatch.setattr(schema, "migrations", lambda: known)


@pytest.fixture(name="base")
def _base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database of version 1 with rows, in a folder whose name asks for care."""
    steps(monkeypatch)
    path = tmp_path / "l'été" / "klk.db"
    path.parent.mkdir()
    with duckdb.connect(path, config=CONFIG) as con:
        schema.ensure(con, AHORA)
        con.execute(
            "INSERT INTO stock_actual (ubicacion_id, codigo_producto, cantidad, ultima_actualizacion)"
            " SELECT 'tienda_01', CAST(i AS VARCHAR), i / 8, TIMESTAMP '2025-11-17 12:00:00' FROM range(300) AS r(i)"
        )
        con.execute(
            "INSERT INTO ventas_raw (ubicacion_id, numero_factura, linea, venta_total, es_no_fiscal)"
            " SELECT 'tienda_01', 'C' || i, 1, i / 100, true FROM range(2000) AS r(i)"
        )
        con.execute("INSERT INTO filas_rechazadas (motivo, fila) VALUES ('x', '{\"a\": 1}')")
    return path


def upgrade(path: Path, now: datetime = AHORA, *, keep: bool = True) -> int:
    """One opening of the database, as a run does it."""
    with duckdb.connect(path, config=CONFIG) as con:
        con.execute("BEGIN")
        try:
            version = schema.ensure(con, now, keep=keep)
        except BaseException:
            con.execute("ROLLBACK")
            raise
        con.execute("COMMIT" if keep else "ROLLBACK")
        return version


def version(path: Path) -> int:
    """The schema version that the file says."""
    with duckdb.connect(path, read_only=True) as con:
        return int(con.execute("SELECT max(version) FROM esquema_version").fetchall()[0][0])


def dump(path: Path, table: str) -> list[tuple[object, ...]]:
    """A table's rows."""
    with duckdb.connect(path, read_only=True) as con:
        return con.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall()


def backups(path: Path) -> list[Path]:
    """What lies beside the database."""
    return sorted(p for p in path.parent.iterdir() if p.is_dir())


def test_an_upgrade(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps at once: what either rebuilds lies in one folder as it was; the database is of the new version."""
    before = {table: dump(base, table) for table in ROWS}
    steps(monkeypatch, SECOND, THIRD)
    with capture_logs() as events:
        assert upgrade(base) == 1
    assert version(base) == 3
    (folder,) = backups(base)
    assert folder.name == "klk.db.respaldo-v1-20251117T123504"
    assert {p.name for p in folder.iterdir()} == {"README.txt", "stock_actual.parquet", "ventas_raw.parquet"}
    (event,) = [e for e in events if e["event"] == "respaldo_guardado"]
    assert (event["carpeta"], event["filas"], event["esquema"]) == (str(folder), ROWS, 1)
    for table, rows in before.items():
        with duckdb.connect() as con:
            con.execute("SET VARIABLE path = ?", [str(folder / f"{table}.parquet")])
            assert con.execute("SELECT * FROM read_parquet(getvariable('path')) ORDER BY ALL").fetchall() == rows
    assert len(dump(base, "stock_actual")) == ROWS["stock_actual"]
    assert upgrade(base) == 3
    assert backups(base) == [folder]


def test_the_readme_tells_how(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line of SQL that it gives works as it stands."""
    steps(monkeypatch, SECOND)
    upgrade(base)
    text = (backups(base)[0] / "README.txt").read_text(encoding="utf-8")
    assert f"{base}" in text
    assert "stock_actual: 300" in text
    select, create = re.findall(r"^    (SELECT .*;|CREATE .*;)$", text, re.MULTILINE)
    with duckdb.connect() as con:
        assert len(con.execute(select).fetchall()) == 300
        con.execute(create)
        assert con.execute("SELECT count(*) FROM stock_actual").fetchall() == [(300,)]


def test_nothing_rebuilt_is_no_backup(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that only adds needs none; a new database has nothing to back up."""
    steps(monkeypatch, "CREATE TABLE turnos (id VARCHAR);")
    upgrade(base)
    assert (version(base), backups(base)) == (2, [])
    steps(monkeypatch, SECOND, THIRD)
    upgrade(base.with_name("new.db"))
    assert (version(base.with_name("new.db")), backups(base)) == (3, [])


def test_who_only_reads_backs_nothing_up(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`status`, `check` and a dry run see the new shape, and leave the file and its folder as they were."""
    steps(monkeypatch, SECOND, THIRD)
    assert upgrade(base, keep=False) == 1
    assert (version(base), backups(base)) == (1, [])


def test_a_step_that_fails(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All steps or none; the sentence says so; the backup stays, and the next attempt's takes its place."""
    before = {table: dump(base, table) for table in ROWS}
    steps(monkeypatch, SECOND, BROKEN)
    for second in (4, 5):
        with pytest.raises(BaseFallida, match=r"version 1 to 3 failed: .*no_such_table.*nothing was changed"):
            upgrade(base, AHORA.replace(second=second))
        (folder,) = backups(base)
        assert folder.name == f"klk.db.respaldo-v1-20251117T12350{second}.sin-efecto"
        assert len(list(folder.iterdir())) == 3
    assert version(base) == 1
    assert {table: dump(base, table) for table in ROWS} == before
    steps(monkeypatch, SECOND, THIRD)
    upgrade(base, AHORA.replace(second=6))
    assert [p.name for p in backups(base)] == ["klk.db.respaldo-v1-20251117T123506"]


def test_an_interrupted_upgrade(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is killed before its commit leaves the old version; the next one upgrades it."""
    steps(monkeypatch, SECOND, THIRD)
    with duckdb.connect(base, config=CONFIG) as con:
        con.execute("BEGIN")
        schema.ensure(con, AHORA)
        parcial = base.with_name("klk.db.respaldo-v1-20251117T123505.parcial")
        parcial.mkdir()
        (parcial / "stock_actual.parquet").write_bytes(b"half")
    assert version(base) == 1
    assert upgrade(base, AHORA.replace(second=5)) == 1
    assert version(base) == 3
    assert [p.name[-6:] for p in backups(base)] == ["123504", "123505"]


def test_no_room_for_the_backup(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup that cannot be written is one sentence, and nothing is changed, in the folder neither."""
    steps(monkeypatch, SECOND)
    monkeypatch.setattr(respaldo, "_a_disco", no_room)
    with pytest.raises(BaseFallida, match=r"^the backup .*-v1.* could not be written: .*No space left.*make room"):
        upgrade(base)
    assert (version(base), backups(base)) == (1, [])


def no_room(path: Path) -> None:
    """A disk that has filled up."""
    raise OSError(28, "No space left on device", str(path))


def test_a_backup_that_lacks_rows(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that does not hold what the table does is no backup."""
    steps(monkeypatch, SECOND)
    monkeypatch.setattr(respaldo, "count", lambda con, de: staging.count(con, de) - de.startswith("read_parquet"))
    with pytest.raises(BaseFallida, match=r"stock_actual\.parquet has 299 rows of 300"):
        upgrade(base)
    assert (version(base), backups(base)) == (1, [])


def test_a_newer_file_is_refused(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program of before says that a newer one wrote the file, and changes nothing."""
    steps(monkeypatch, SECOND)
    upgrade(base)
    before = base.read_bytes()
    steps(monkeypatch)
    with pytest.raises(ConfigError, match="has schema version 2, this klk-daemon knows 1"):
        upgrade(base)
    assert base.read_bytes() == before


async def test_through_the_writer(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that writes upgrades the file; a failure is the run's, and the next one is tried."""
    database = Database(Archivo(base))

    def ensure(con: DuckDBPyConnection) -> int:
        return schema.ensure(con, AHORA)

    steps(monkeypatch, BROKEN)
    with pytest.raises(BaseFallida):
        await database.transaction(ensure)
    steps(monkeypatch, SECOND)
    assert (await database.transaction(ensure)).value == 1
    database.close()
    assert version(base) == 2


async def test_no_altered_table_stays_in_the_log(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB 1.5 cannot replay that of a table with a default of CURRENT_TIMESTAMP: the commit writes the file."""
    with duckdb.connect(base, config=CONFIG) as con:
        con.execute("CREATE TABLE legada (n INTEGER, desde TIMESTAMP DEFAULT CURRENT_TIMESTAMP)")
    steps(monkeypatch, "ALTER TABLE legada ADD COLUMN nota VARCHAR")
    monkeypatch.setattr(archivo, "LARGE_FILE", 0)  # its log is not written into the file when it is closed
    database = Database(Archivo(base))
    await database.transaction(lambda con: schema.ensure(con, AHORA))
    database.close()
    assert version(base) == 2
    assert dump(base, "legada") == []


def test_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that has no place has no backup."""
    steps(monkeypatch)
    with duckdb.connect() as con:
        schema.ensure(con, AHORA)
        steps(monkeypatch, SECOND)
        assert schema.ensure(con, AHORA) == 1
