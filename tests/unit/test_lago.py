"""A lake's own trouble: whose turn it is, whose store, a writer that takes no turns, a server that is gone."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import psycopg
import pytest
import pytest_asyncio
from duckdb import DuckDBPyConnection
from postgres import Postgres

from klk_daemon.bootstrap import place
from klk_daemon.bootstrap.cuidado import una_vez
from klk_daemon.domain import Intervalo, Job
from klk_daemon.errors import BaseFallida, BaseOcupada, ConfigError, Interrumpido
from klk_daemon.warehouse import cobertura, ejecuciones, extensiones, mantenimiento, schema
from klk_daemon.warehouse.archivo import Archivo
from klk_daemon.warehouse.cobertura import Lectura, Leido
from klk_daemon.warehouse.connection import CONFIG, Database
from klk_daemon.warehouse.ejecuciones import Ejecucion
from klk_daemon.warehouse.lago import Lago
from klk_daemon.warehouse.recibo import Nota, Recibo
from klk_daemon.warehouse.turnos import RESTART_S, Turnos

AHORA = datetime(2025, 11, 17, 12)  # noqa: DTZ001 - naive local time
T0 = datetime(2025, 11, 17, 16, tzinfo=UTC)
UNA_HORA = timedelta(hours=1)
ADD = "INSERT INTO ventas_por_releer SELECT 'x', NULL, NULL"
COUNT = "SELECT count(*) FROM ventas_por_releer"


@pytest_asyncio.fixture
async def db(vista: Callable[[], Lago]) -> AsyncIterator[Database]:
    """One daemon's writer."""
    database = Database(vista(), lock_timeout_s=5)
    yield database
    database.close()


async def test_writers_take_turns(vista: Callable[[], Lago]) -> None:
    """Three that change one table at once: nobody's work is lost, and no id comes twice."""
    todos = [Database(vista(), lock_timeout_s=30) for _ in range(3)]

    def add(con: DuckDBPyConnection) -> None:
        con.execute("INSERT INTO etl_ejecuciones (id) SELECT COALESCE(max(id), 0) + 1 FROM etl_ejecuciones")
        con.execute("UPDATE etl_ejecuciones SET registros_extraidos = COALESCE(registros_extraidos, 0) + 1")

    await asyncio.gather(*(d.transaction(add) for d in todos for _ in range(3)))
    rows = (
        await todos[0].transaction(
            lambda con: con.execute("SELECT id, registros_extraidos FROM etl_ejecuciones ORDER BY id").fetchall()
        )
    ).value
    for d in todos:
        d.close()
    assert rows == [(n, 10 - n) for n in range(1, 10)]


async def test_a_turn_that_does_not_end(db: Database, vista: Callable[[], Lago]) -> None:
    """Who waits too long is told who writes; at shutdown nobody waits."""
    db.configure(lock_timeout_s=0.2, memory_limit="512MB")
    otro = vista().turnos
    with otro.escribir(time.monotonic() + 5, threading.Event()):
        with pytest.raises(BaseOcupada, match=r"written by klk-daemon .* \(pid \d+\)"):
            await db.transaction(lambda con: con.execute(ADD))
        assert (await db.transaction(lambda con: con.execute(COUNT).fetchone(), keep=False)).value == (0,)
        db.configure(lock_timeout_s=60, memory_limit="512MB")
        waiting = asyncio.create_task(db.transaction(lambda con: con.execute(ADD)))
        await asyncio.sleep(0.1)
        db.stop_waiting()
        with pytest.raises(Interrumpido):
            await waiting
    otro.cerrar()


async def test_a_session_lost_in_the_middle_writes_nothing(db: Database, postgres: Postgres) -> None:
    """The right to write went with it: another may have it by now. The next transaction has a new one."""
    origen = db.origen
    assert isinstance(origen, Lago)

    def cut(con: DuckDBPyConnection) -> None:
        con.execute(ADD)
        with psycopg.connect(origen.conninfo, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )

    with pytest.raises(BaseFallida, match="nothing of this transaction was written"):
        await db.transaction(cut)
    assert (await db.transaction(lambda con: con.execute(COUNT).fetchone())).value == (0,)


async def test_a_writer_that_takes_no_turns(db: Database, vista: Callable[[], Lago]) -> None:
    """A conflict is no failure: the transaction is done again on what the other has left."""
    attempts: list[object] = []
    with duckdb.connect(config=CONFIG) as other:
        vista().prepare(other)
        other.execute(ADD)

        def contended(con: DuckDBPyConnection) -> object:
            row = con.execute(COUNT).fetchone()
            con.execute("UPDATE ventas_por_releer SET ubicacion_id = 'mine'")
            if not attempts:
                other.execute("UPDATE ventas_por_releer SET ubicacion_id = 'theirs'")
                other.execute(ADD)
            attempts.append(row)
            return row

        assert (await db.transaction(contended)).value == (2,)
        assert attempts == [(1,), (2,)]
        assert other.execute("SELECT DISTINCT ubicacion_id FROM ventas_por_releer").fetchall() == [("mine",)]


async def test_no_server(tmp_path: Path) -> None:
    """One sentence, without the password."""
    conninfo = f"dbname=klk host={tmp_path} password='s3 cret' user=klk"
    lago = place.origen(f"ducklake:postgres:{conninfo}", str(tmp_path / "p"))
    db = Database(lago, lock_timeout_s=0)
    db.stop_waiting()  # no patience
    for keep in (True, False):
        with pytest.raises(BaseFallida, match=r"Postgre[sS]") as e:
            await db.transaction(lambda con: con.execute("SELECT 1"), keep=keep)
        assert "s3 cret" not in str(e.value)
        assert "\n" not in str(e.value)
    assert "s3" not in repr(lago)
    db.close()


async def test_a_database_that_is_not_there(postgres: Postgres, tmp_path: Path) -> None:
    """PostgreSQL's no is final: nobody waits for a restart, and what it said is all that is told."""
    db = Database(postgres.lago("nada", tmp_path / "p"), lock_timeout_s=60)
    began = time.monotonic()
    for keep in (True, False):
        with pytest.raises(BaseFallida, match=r"^the (lake|database) \S+ .*PostgreSQL: .*\"nada\" does not exist") as e:
            await db.transaction(lambda con: con.execute("SELECT 1"), keep=keep)
        assert "see database.path" in str(e.value)
        assert "attach" not in str(e.value)
    assert time.monotonic() - began < RESTART_S
    db.close()


async def test_files_that_lie_elsewhere(vista: Callable[[], Lago], tmp_path: Path) -> None:
    """A data_path that is not the lake's is refused, with the one that is."""
    lago = vista()
    db = Database(Lago(lago.conninfo, str(tmp_path / "other"), "lake", lago.turnos), lock_timeout_s=1)
    with pytest.raises(BaseFallida, match=r"does not match existing data path .*set database\.data_path"):
        await db.transaction(lambda con: con.execute("SELECT 1"))
    db.close()


def test_what_is_no_lake_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 2 before anything is opened: another catalogue, a wrong connection string, an extra that is missing."""
    with pytest.raises(ConfigError, match="must be in PostgreSQL"):
        place.origen("ducklake:metadata.ducklake", "p")
    with pytest.raises(ConfigError, match="not understood by PostgreSQL"):
        place.origen("ducklake:postgres:dbname", "p")
    with pytest.raises(ConfigError, match=r"is not installed — \S+ -m pip install 'klk-daemon\[lake\]'"):
        extensiones.path("no_such_extension", extra="lake")
    monkeypatch.setattr(duckdb, "__version__", "9.9.9")
    with pytest.raises(ConfigError, match=r"is there for v1\.\S+, DuckDB is v9\.9\.9"):
        extensiones.path("ducklake", extra="lake")


def test_the_books_of_several_stores(vista: Callable[[], Lago]) -> None:
    """What is known of sales and the ledger are kept as in a file, several stores at once."""
    antes, leido = Intervalo(T0, T0 + UNA_HORA), Intervalo(T0 + UNA_HORA, T0 + 2 * UNA_HORA)
    with duckdb.connect(config=CONFIG) as con:
        vista().prepare(con)
        ids = ["tienda_1", "tienda_2"]
        cobertura.registrar(con, [Leido(id_, antes, T0) for id_ in ids], now=leido.hasta, run_id="r1")
        cobertura.releer(con, [(id_, antes) for id_ in ids])
        todo = Intervalo(antes.desde, leido.hasta)
        pasos = [Leido("tienda_1", leido, None), Leido("tienda_2", todo, None), Leido("tienda_3", leido, None)]
        cobertura.registrar(con, pasos, now=leido.hasta, run_id="r2")
        lecturas = cobertura.leer(con, [*ids, "tienda_3"], zona=ZoneInfo("UTC"), now=leido.hasta)
        assert [*lecturas.values()] == [
            Lectura(leido.hasta, (todo,), (antes,)),
            Lectura(leido.hasta, (todo,), ()),
            Lectura(None, (leido,), ()),
        ]
        empezadas = [
            Ejecucion("r1", Job.VENTAS, "incremental", id_, id_, AHORA, version_etl="1", host="caja") for id_ in ids
        ]
        ejecuciones.empezar(con, empezadas)
        nueva = replace(empezadas[0], run_id="r2")
        ejecuciones.guardar(con, [*(replace(e, fecha_fin=AHORA, error_tipo="x") for e in empezadas), nueva])
        ejecuciones.guardar(con, [replace(empezadas[0], error_tipo="y")])
        filas = "SELECT id, run_id, ubicacion_id, fecha_fin, error_tipo FROM etl_ejecuciones ORDER BY id"
        assert con.execute(filas).fetchall() == [
            (1, "r1", "tienda_1", None, "y"),
            (2, "r1", "tienda_2", AHORA, "x"),
            (3, "r2", "tienda_1", None, None),
        ]


def test_each_daemon_counts_its_own_commits(vista: Callable[[], Lago], tmp_path: Path) -> None:
    """After a catalogue was restored from a copy, each learns what it has lost, whoever comes first."""
    with duckdb.connect(config=CONFIG) as con:
        vista().prepare(con)
        recibos = [Recibo(tmp_path / name, name) for name in ("a", "b")]
        for recibo in recibos:
            recibo._path.parent.mkdir()
        con.execute("BEGIN")
        for n in range(4):
            base_id, numero = recibos[n % 2].sellar(con)
            nota = Nota(base_id, numero, Job.VENTAS, f"tienda_{n}", T0, T0 + timedelta(hours=1))
            recibos[n % 2].anotar([nota])
        con.execute("ROLLBACK")
        found = [recibo.comparar(con) for recibo in recibos]
        assert [[nota.ubicacion_id for nota in p.notas] for p in found if p] == [
            ["tienda_0", "tienda_2"],
            ["tienda_1", "tienda_3"],
        ]
        assert [recibo.comparar(con) for recibo in recibos] == [None, None]


async def test_it_is_tended(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows leave the catalogue when they are many; after a week files are few, old snapshots gone, rows the same."""
    line = "INSERT INTO ventas_raw (ubicacion_id, numero_factura, linea) SELECT 'a', 'C' || i, 1 FROM range({}) AS r(i)"

    def fill(con: DuckDBPyConnection) -> None:
        con.execute(line.format("0, 900"))

    def state(con: DuckDBPyConnection) -> tuple[object, ...]:
        (files,) = con.execute(
            "SELECT file_count FROM ducklake_table_info('lago') WHERE table_name = 'ventas_raw'"
        ).fetchall()
        (rows,) = con.execute("SELECT count(*), count(DISTINCT numero_factura) FROM ventas_raw").fetchall()
        (snapshots,) = con.execute("SELECT count(*) FROM ducklake_snapshots('lago')").fetchall()
        return files[0], rows, snapshots[0]

    def many(con: DuckDBPyConnection) -> None:
        con.execute(line.format("0, 3000"))
        con.execute(line.format("0, 900"))

    monkeypatch.setattr(mantenimiento, "CATALOGUE_ROWS", 2000)
    await db.transaction(fill)
    await una_vez(db, T0)
    assert (await db.transaction(state, keep=False)).value[0] == 0  # few rows stay where they are
    for _ in range(2):
        await db.transaction(many)
    await una_vez(db, T0)
    files, rows, snapshots = (await db.transaction(state, keep=False)).value
    assert rows == (900 + 2 * (3000 + 900), 3000)
    assert int(str(files)) > 1
    otro = Turnos(db.origen.conninfo, "another")  # type: ignore[attr-defined]
    assert otro.tomar(["*mantenimiento"])
    await una_vez(db, datetime.now(UTC) + timedelta(days=8))
    assert (await db.transaction(state, keep=False)).value == (files, rows, snapshots)  # another daemon is at it
    otro.cerrar()
    await una_vez(db, datetime.now(UTC) + timedelta(days=8))
    assert (await db.transaction(state, keep=False)).value[:2] == (1, rows)
    assert int(str((await db.transaction(state, keep=False)).value[2])) < int(str(snapshots))
    assert not (await db.transaction(lambda con: mantenimiento.toca(con, datetime.now(UTC) + timedelta(days=9)))).value


async def test_a_file_is_not_tended(tmp_path: Path) -> None:
    """Nothing is opened."""
    db = Database(Archivo(tmp_path / "klk.db"))
    await una_vez(db, T0)
    assert not db.exists()
    db.close()


def test_exists(postgres: Postgres, tmp_path: Path, vista: Callable[[], Lago]) -> None:
    """Looking makes nothing."""
    empty = postgres.lago(postgres.create(), tmp_path)
    assert not empty.exists()
    assert not empty.exists()
    assert vista().exists()


async def test_two_make_one_lake(postgres: Postgres, tmp_path: Path) -> None:
    """Whoever comes first makes the tables; the other finds them."""
    name = postgres.create()
    dos = [Database(postgres.lago(name, tmp_path / "parquet"), lock_timeout_s=30) for _ in range(2)]
    await asyncio.gather(*(d.transaction(lambda con: schema.ensure(con, AHORA)) for d in dos))
    counts = [
        (await d.transaction(lambda con: con.execute("SELECT count(*) FROM esquema_version").fetchone())).value
        for d in dos
    ]
    assert counts == [(1,), (1,)]
    for d in dos:
        d.close()
