"""Named reads for people: status, history, what is held. Timestamps are naive local time, as stored, but for `_utc`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Estado
from klk_daemon.warehouse.cobertura import ultima_venta

# How far before its watermark a store's newest sale is looked for first.
RECENT = timedelta(days=7)


def ultimos_inicios(con: DuckDBPyConnection, ubicaciones: Collection[str] | None = None) -> dict[str, datetime]:
    """Job to the start of its newest run; one that was cut off does not count, so that it is made up.

    Args:
        con: an open transaction.
        ubicaciones: only runs of these stores, where other daemons write the same ledger.
    """
    rows = con.execute(
        "SELECT etl_tipo, max(fecha_inicio) FROM etl_ejecuciones WHERE error_tipo IS DISTINCT FROM 'interrumpido'"
        " AND estado <> 'en_proceso' AND ($ids IS NULL OR list_contains($ids, ubicacion_id)) GROUP BY etl_tipo",
        {"ids": None if ubicaciones is None else list(ubicaciones)},
    ).fetchall()
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
    """What the database holds of a store. `primera` is when its first run began, of ours alone."""

    stock: datetime | None = None
    articulos: int = 0
    venta: datetime | None = None
    marca_utc: datetime | None = None
    primera: datetime | None = None
    corridas: Mapping[str, UltimaCorrida] = field(default_factory=dict)


def estado_tienda(con: DuckDBPyConnection, ubicacion_id: str) -> EstadoTienda:
    """How a store stands: newest stock, newest sale, watermark, and its jobs' last runs."""
    row = con.execute(
        "SELECT (SELECT max(fecha_actualizacion) FROM stock_actual WHERE ubicacion_id = $id),"
        " (SELECT count(*) FROM stock_actual WHERE ubicacion_id = $id),"
        " (SELECT max(hasta_utc) FROM etl_marcas WHERE etl_tipo = 'ventas' AND ubicacion_id = $id),"
        " (SELECT min(fecha_inicio) FROM etl_ejecuciones WHERE ubicacion_id = $id AND run_id IS NOT NULL)",
        {"id": ubicacion_id},
    ).fetchone()
    assert row is not None  # four scalars are always one row
    stock, articulos, marca, primera = row
    venta = ultima_venta(con, ubicacion_id, (marca - RECENT).date() if marca else None)
    corridas = con.execute(
        "SELECT etl_tipo, arg_max(estado, id), arg_max(fecha_inicio, id),"
        " max(fecha_fin) FILTER (estado = 'exitoso'), arg_max(COALESCE(error_tipo, ''), id),"
        " arg_max(COALESCE(error_mensaje, ''), id) FROM etl_ejecuciones"
        " WHERE ubicacion_id = ? AND estado <> 'en_proceso' GROUP BY etl_tipo",
        [ubicacion_id],
    ).fetchall()
    return EstadoTienda(
        stock=stock,
        articulos=int(articulos),
        venta=venta,
        marca_utc=marca.replace(tzinfo=UTC) if marca else None,
        primera=primera,
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
        " (SELECT COALESCE(sum(TRY_CAST(venta_total AS DECIMAL(18, 6))), 0) FROM ventas_raw WHERE ubicacion_id = $id)",
        {"id": ubicacion_id},
    ).fetchone()
    assert row is not None  # four scalars are always one row
    return Existencias(int(row[0]), int(row[1]), int(row[2]), float(row[3]))


RUN_COLUMNS = ("run_id", "job", "modo", "estado", "inicio", "fin", "duracion_s", "extraidos", "cargados")
STORE_COLUMNS = (
    "id",
    "estado",
    "extraidos",
    "cargados",
    "eliminados",
    "rechazados",
    "duracion_s",
    "error_tipo",
    "error",
)


def corridas(
    con: DuckDBPyConnection,
    *,
    job: str | None = None,
    tienda: str | None = None,
    estado: str | None = None,
    desde: datetime | None = None,
    limit: int = 20,
) -> list[dict[str, Any]]:
    """The newest runs, newest first, each with its stores under `tiendas`.

    Args:
        con: an open transaction.
        job: only this job's.
        tienda: only runs that this store took part in, and of them its part alone.
        estado: only runs that ended so.
        desde: only runs that began then or later, naive local time.
        limit: how many at most.
    """
    # A row of an older pipeline has no run_id: it is a run by itself.
    rows = con.execute(
        "WITH filas AS (SELECT *, COALESCE(run_id, 'fila-' || id) AS run FROM etl_ejecuciones"
        "  WHERE ($job IS NULL OR etl_tipo = $job) AND ($tienda IS NULL OR ubicacion_id = $tienda)"
        "  AND ($desde IS NULL OR fecha_inicio >= $desde)),"
        " corridas AS (SELECT run, any_value(etl_tipo) AS job, any_value(modo) AS modo, CASE"
        "  WHEN bool_or(estado = 'en_proceso') THEN 'en_proceso' WHEN bool_and(estado = 'exitoso') THEN 'exitoso'"
        "  WHEN bool_and(estado = 'fallido') THEN 'fallido' ELSE 'parcial' END AS estado,"
        "  min(fecha_inicio) AS inicio, max(fecha_fin) AS fin, max(duracion_segundos) AS duracion_s,"
        "  sum(registros_extraidos) AS extraidos, sum(registros_cargados) AS cargados, max(id) AS orden"
        "  FROM filas GROUP BY run)"
        " SELECT run, job, modo, estado, inicio, fin, duracion_s, CAST(extraidos AS BIGINT), CAST(cargados AS BIGINT)"
        " FROM corridas WHERE ($estado IS NULL OR estado = $estado) ORDER BY inicio DESC, orden DESC LIMIT $limit",
        {"job": job, "tienda": tienda, "estado": estado, "desde": desde, "limit": limit},
    ).fetchall()
    found = [dict(zip(RUN_COLUMNS, row, strict=True)) for row in rows]
    partes = _partes(con, [run["run_id"] for run in found], tienda)
    return [{**run, "tiendas": partes.get(run["run_id"], [])} for run in found]


def _partes(con: DuckDBPyConnection, runs: Sequence[str], tienda: str | None) -> dict[str, list[dict[str, Any]]]:
    rows = con.execute(
        "SELECT COALESCE(run_id, 'fila-' || id), ubicacion_id, estado, registros_extraidos, registros_cargados,"
        " eliminados, rechazados, duracion_segundos, error_tipo, error_mensaje FROM etl_ejecuciones"
        " WHERE list_contains($runs, COALESCE(run_id, 'fila-' || id)) AND ($tienda IS NULL OR ubicacion_id = $tienda)"
        " ORDER BY ubicacion_id",
        {"runs": list(runs), "tienda": tienda},
    ).fetchall()
    partes: dict[str, list[dict[str, Any]]] = {}
    for run, *parte in rows:
        partes.setdefault(run, []).append(dict(zip(STORE_COLUMNS, parte, strict=True)))
    return partes
