"""Named reads: what status and the daemon's start want to know. Timestamps are naive local time, as stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Estado


def ultimos_inicios(con: DuckDBPyConnection) -> dict[str, datetime]:
    """Job to the start of its newest run."""
    rows = con.execute("SELECT etl_tipo, max(fecha_inicio) FROM etl_ejecuciones GROUP BY etl_tipo").fetchall()
    return {job: inicio for job, inicio in rows if inicio is not None}


@dataclass(frozen=True, slots=True)
class UltimaCorrida:
    """A job's newest ended run of a store, and its newest success."""

    estado: Estado
    inicio: datetime
    exito: datetime | None
    error_tipo: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class EstadoTienda:
    """What the database holds of a store."""

    stock: datetime | None
    articulos: int
    venta: datetime | None
    marca_utc: datetime | None
    corridas: Mapping[str, UltimaCorrida]


def estado_tienda(con: DuckDBPyConnection, ubicacion_id: str) -> EstadoTienda:
    """How a store stands: newest stock, newest sale, watermark, and its jobs' last runs."""
    stock = con.execute(
        "SELECT max(fecha_actualizacion), count(*) FROM stock_actual WHERE ubicacion_id = ?", [ubicacion_id]
    ).fetchone()
    venta = con.execute(
        "SELECT max(TRY_CAST(fecha_hora_completa AS TIMESTAMP)) FROM ventas_raw WHERE ubicacion_id = ?", [ubicacion_id]
    ).fetchone()
    marca = con.execute(
        "SELECT max(hasta_utc) FROM etl_marcas WHERE etl_tipo = 'ventas' AND ubicacion_id = ?", [ubicacion_id]
    ).fetchone()
    corridas = con.execute(
        "SELECT etl_tipo, arg_max(estado, id), arg_max(fecha_inicio, id),"
        " max(fecha_fin) FILTER (estado = 'exitoso'), arg_max(COALESCE(error_tipo, ''), id),"
        " arg_max(COALESCE(error_mensaje, ''), id) FROM etl_ejecuciones"
        " WHERE ubicacion_id = ? AND estado <> 'en_proceso' GROUP BY etl_tipo",
        [ubicacion_id],
    ).fetchall()
    return EstadoTienda(
        stock=stock[0] if stock else None,
        articulos=int(stock[1]) if stock else 0,
        venta=venta[0] if venta else None,
        marca_utc=marca[0].replace(tzinfo=UTC) if marca and marca[0] else None,
        corridas={
            job: UltimaCorrida(Estado(estado), inicio, exito, tipo or None, error or None)
            for job, estado, inicio, exito, tipo, error in corridas
        },
    )


@dataclass(frozen=True, slots=True)
class Existencias:
    """What the database holds of a store, in figures."""

    articulos: int
    filas_stock: int
    lineas: int
    venta_total_usd: float


def existencias(con: DuckDBPyConnection, ubicacion_id: str) -> Existencias:
    """Articles (over all warehouses once), stock rows, sale lines and their USD total."""
    row = con.execute(
        "SELECT (SELECT count(DISTINCT codigo_producto) FROM stock_actual WHERE ubicacion_id = $id),"
        " (SELECT count(*) FROM stock_actual WHERE ubicacion_id = $id),"
        " (SELECT count(*) FROM ventas_raw WHERE ubicacion_id = $id),"
        " (SELECT COALESCE(sum(CAST(venta_total AS DECIMAL(18, 6))), 0) FROM ventas_raw WHERE ubicacion_id = $id)",
        {"id": ubicacion_id},
    ).fetchone()
    assert row is not None  # four scalars are always one row
    return Existencias(int(row[0]), int(row[1]), int(row[2]), float(row[3]))
