"""The reads that alerts are made of, on a new database and on one that holds text."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from duckdb import DuckDBPyConnection

from klk_daemon.domain import Estado, Job, Tienda
from klk_daemon.warehouse import alert_facts
from klk_daemon.warehouse.ejecuciones import Ejecucion, guardar

AHORA = datetime.fromisoformat("2025-11-17T12:35:04")
HOY = AHORA.date()
BOSQUE = "tienda_08"


@pytest.fixture(name="base", params=["typed", "text"])
def _base(request: pytest.FixtureRequest, con: DuckDBPyConnection) -> DuckDBPyConnection:
    """A database; `ventas_raw` as a new installation has it, or all text (legacy-db.md)."""
    if request.param == "text":
        columns = [name for (name, *_) in con.execute("DESCRIBE ventas_raw").fetchall() if name != "fecha_carga"]
        con.execute("DROP TABLE ventas_raw")
        con.execute(f"CREATE TABLE ventas_raw ({', '.join(c + ' VARCHAR' for c in columns)}, fecha_carga TIMESTAMP)")
    return con


def vender(con: DuckDBPyConnection, *instantes: str, tienda: str = BOSQUE) -> None:
    """A line for each instant, of 2.5 USD."""
    for n, instante in enumerate(instantes):
        con.execute(
            "INSERT INTO ventas_raw (numero_factura, ubicacion_id, linea, fecha, fecha_hora_completa, venta_total)"
            " VALUES (?, ?, '1', ?, ?, '2.5')",
            [f"{instante}-{n}", tienda, instante[:10], instante],
        )


def correr(
    con: DuckDBPyConnection, *estados: str, job: Job = Job.VENTAS, tienda: str = BOSQUE, **otros: object
) -> None:
    """Ledger rows, half an hour apart, the last of them now; a failed one is named by its error_tipo."""
    for n, estado in enumerate(estados):
        inicio = AHORA - timedelta(minutes=30) * (len(estados) - 1 - n)
        bien = estado == "exitoso"
        guardar(
            con,
            [
                Ejecucion(
                    run_id=f"{job}-{tienda}-{n}",
                    etl_tipo=job,
                    modo="incremental",
                    ubicacion_id=tienda,
                    ubicacion_nombre=tienda,
                    fecha_inicio=inicio,
                    fecha_fin=inicio + timedelta(seconds=2),
                    version_etl="1",
                    host="h",
                    estado=Estado.EXITOSO if bien else Estado.FALLIDO,
                    error_tipo=None if bien else estado,
                    error_mensaje=None if bien else f"{estado}!",
                    **otros,  # type: ignore[arg-type]
                )
            ],
        )


def test_failures_since_the_last_success(con: DuckDBPyConnection) -> None:
    """Counted by job and store; since when, and what the newest of them said."""
    correr(con, "conexion", "exitoso", "timeout", "api_error")
    correr(con, "exitoso", job=Job.INVENTARIO, rechazados=3, espera_bd_s=1.5)
    ventas, inventario = sorted(
        alert_facts.historial(con, [BOSQUE, "otra"], AHORA - timedelta(days=1)), key=lambda h: h.job, reverse=True
    )
    assert (ventas.seguidas, ventas.error_tipo, ventas.error) == (2, "api_error", "api_error!")
    assert ventas.desde == AHORA - timedelta(minutes=30)
    assert ventas.exito == AHORA - timedelta(minutes=60) + timedelta(seconds=2)
    assert ventas.primera == AHORA - timedelta(minutes=90)
    assert (inventario.seguidas, inventario.desde, inventario.error_tipo) == (0, None, "")
    assert (inventario.rechazados, inventario.espera_bd_s) == (3, 1.5)


def test_never_succeeded(con: DuckDBPyConnection) -> None:
    """All of its runs count; old ones, and other stores', do not."""
    correr(con, "conexion", "conexion", "conexion")
    (h,) = alert_facts.historial(con, [BOSQUE], AHORA - timedelta(minutes=40))
    assert (h.seguidas, h.exito) == (2, None)
    assert alert_facts.historial(con, ["tienda_01"], AHORA - timedelta(days=1)) == []


def test_newest_sales(base: DuckDBPyConnection) -> None:
    """By store, since a day; one without any is left out."""
    vender(base, "2025-11-16T19:00:00", "2025-11-17T09:15:00", "2025-11-17T08:00:00")
    vender(base, "2025-11-14T09:15:00", tienda="tienda_01")
    assert alert_facts.ultimas_ventas(base, [BOSQUE, "tienda_01"], HOY - timedelta(days=2)) == {
        BOSQUE: datetime.fromisoformat("2025-11-17T09:15:00")
    }


def test_half_hours(base: DuckDBPyConnection) -> None:
    """By store, of the day that is asked for."""
    vender(base, "2025-11-10T08:00:00", "2025-11-10T08:29:59", "2025-11-10T08:30:00", "2025-11-11T10:00:00")
    vender(base, "2025-11-10T23:59:59", tienda="tienda_01")
    assert alert_facts.franjas(base, [BOSQUE, "tienda_01"], date(2025, 11, 10)) == {
        BOSQUE: frozenset({16, 17}),
        "tienda_01": frozenset({47}),
    }
    assert alert_facts.franjas(base, [BOSQUE], date(2025, 11, 9)) == {}


def test_day_in_figures(base: DuckDBPyConnection) -> None:
    """Runs and those with a failure, failures by store, sales by store."""
    vender(base, "2025-11-17T08:00:00", "2025-11-17T09:00:00", "2025-11-16T09:00:00")
    correr(base, "exitoso", "conexion", "exitoso")
    correr(base, "exitoso", "exitoso", "exitoso", tienda="tienda_01")
    assert alert_facts.dia(base, HOY, [BOSQUE, "tienda_01"]) == {
        "corridas": [("ventas", 6, 1)],
        "tiendas": [("tienda_01", 0), (BOSQUE, 1)],
        "ventas": [(BOSQUE, 2, 2, Decimal(5))],
    }


def test_late_lines(con: DuckDBPyConnection, bosque: Tienda) -> None:
    """Lines that conciliacion added, and a run of ventas had asked for in vain, are later than the overlap reaches."""
    vender(con, "2025-11-16T10:00:00")
    con.execute("UPDATE ventas_raw SET fecha_carga = ?", [AHORA])
    correr(
        con,
        "exitoso",
        fecha_desde=date(2025, 11, 16),
        fecha_hasta=date(2025, 11, 17),
        hora_desde=datetime.min.time(),
        hora_hasta=datetime.min.time(),
    )
    con.execute("UPDATE etl_ejecuciones SET fecha_inicio = '2025-11-16 11:30', fecha_fin = '2025-11-16 11:31'")
    con.execute(
        "INSERT INTO ventas_correcciones (ubicacion_id, fecha, numero_factura, linea, tipo, run_id)"
        " SELECT ubicacion_id, fecha, numero_factura, linea, 'agregada', 'r1' FROM ventas_raw"
    )
    late = alert_facts.tardias(con, bosque, "r1")
    assert (late.perdidas, late.maxima_min) == (1, 90)
    assert alert_facts.tardias(con, bosque, "r2").perdidas == 0
