"""The facts of an installation, as `bootstrap` gathers them for the alerts."""

from collections import namedtuple
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection

from klk_daemon.alerts.rules import Hechos, Par
from klk_daemon.bootstrap import hechos
from klk_daemon.bootstrap.app import App, build
from klk_daemon.checks.folders import DATABASE_FLOOR
from klk_daemon.domain import Estado, Job
from klk_daemon.settings import load
from klk_daemon.warehouse import schema
from klk_daemon.warehouse.ejecuciones import Ejecucion, guardar
from klk_daemon.windows import local

NOW = datetime(2025, 11, 17, 16, 35, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BOSQUE = "tienda_08"
Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - what shutil.disk_usage returns
CONFIG = """
[api]
base_url = "http://127.0.0.1:1"
[database]
path = "data/klk.db"
[logs]
dir = "logs"
[[tiendas]]
id = "tienda_08"
sucursal = "SUC002"
almacenes = ["APP-TBQ"]
[[tiendas]]
id = "tienda_99"
sucursal = "SUC099"
almacenes = []
activa = false
"""


@pytest.fixture(name="app")
def _app(tmp_path: Path) -> Iterator[App]:
    (tmp_path / "klk.toml").write_text(CONFIG)
    app = build(load(tmp_path / "klk.toml", env={}), tmp_path / "state")
    yield app
    app.database.close()


def corrida(app: App, n: int, error_tipo: str | None) -> Ejecucion:
    """A run of ventas, `n` half hours ago."""
    inicio = local(NOW - 30 * MINUTE * n, app.zona)
    return Ejecucion(
        run_id=f"r{n}",
        etl_tipo=Job.VENTAS,
        modo="incremental",
        ubicacion_id=BOSQUE,
        ubicacion_nombre="",
        fecha_inicio=inicio,
        fecha_fin=inicio,
        version_etl="1",
        host="h",
        estado=Estado.FALLIDO if error_tipo else Estado.EXITOSO,
        error_tipo=error_tipo,
        error_mensaje="held" if error_tipo else None,
    )


async def anotar(app: App, *corridas: Ejecucion) -> None:
    """Writes them into the ledger."""

    def write(con: DuckDBPyConnection) -> None:
        schema.ensure(con, local(NOW, app.zona))
        guardar(con, corridas)

    await app.database.transaction(write)


async def read(app: App) -> Hechos:
    """The facts now."""
    return await hechos.Lector().hechos(app, NOW, arranque=None)


async def test_no_database_yet(app: App) -> None:
    """Nothing is known, and nothing is made."""
    found = await read(app)
    assert (found.pares, found.completos, found.calladas) == ((), False, None)
    assert found.tiendas == (BOSQUE,)
    assert not app.database.exists()


async def test_failures_that_wait_to_be_written(app: App) -> None:
    """They are the newest, and count on from those in the ledger."""
    await anotar(app, corrida(app, 3, None), corrida(app, 2, "conexion"))
    app.entorno.pendientes.apartar([corrida(app, 1, "bd_ocupada"), corrida(app, 0, "bd_ocupada")])
    (par,) = (await read(app)).pares
    assert (par.seguidas, par.desde, par.error_tipo) == (3, NOW - 60 * MINUTE, "bd_ocupada")
    assert par.exito == NOW - 90 * MINUTE


async def test_unreadable_database(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what waits to be written is known of, and it is not waited for long."""
    monkeypatch.setattr(hechos, "PATIENCE_S", 0.1)
    base = Path(app.database.origen.path)
    base.parent.mkdir()
    base.write_bytes(b"no es una base" * 1000)  # noqa: ASYNC240 - the test has time
    app.entorno.pendientes.apartar([corrida(app, 0, "db_error")])
    found = await read(app)
    assert found.pares == (
        Par(Job.VENTAS, BOSQUE, 1, NOW.replace(second=0), "db_error", "held", primera=NOW.replace(second=0)),
    )
    assert (found.completos, found.calladas) == (False, None)


async def test_paused(app: App) -> None:
    """Pauses are known with or without a database."""
    app.pausas.poner([Job.VENTAS], None)
    assert (await read(app)).pausados == {Job.VENTAS}


def test_disks(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Database, logs and state on one disk are one; it needs the database's room."""
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(100, 97, 3))
    (disk,) = hechos.disks(app)
    assert (disk.total, disk.libre, disk.piso) == (100, 3, DATABASE_FLOOR)
