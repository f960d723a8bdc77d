"""Named reads for the alerts. Timestamps are naive local time, as stored.

Each is bounded by a date: `ventas_raw` may hold eighty million lines, and a legacy file holds them as text, whose dates
compare as dates do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Job, Tienda
from klk_daemon.warehouse import conciliacion


@dataclass(frozen=True, slots=True)
class Historial:
    """A job's runs of a store: failures since its last success, and what the newest runs say."""

    job: Job
    ubicacion_id: str
    seguidas: int
    desde: datetime | None
    error_tipo: str
    error: str
    exito: datetime | None
    primera: datetime | None
    rechazados: int
    espera_bd_s: float


def historial(con: DuckDBPyConnection, ubicaciones: Sequence[str], desde: datetime) -> list[Historial]:
    """How each job stands for each store that it ran for since `desde`."""
    rows = con.execute(
        "WITH filas AS (SELECT * FROM etl_ejecuciones WHERE list_contains($ids, ubicacion_id)"
        "  AND list_contains($jobs, etl_tipo) AND estado IN ('exitoso', 'fallido') AND fecha_inicio >= $desde),"
        " exitos AS (SELECT etl_tipo, ubicacion_id, max(id) FILTER (estado = 'exitoso') AS ultimo"
        "  FROM filas GROUP BY ALL)"
        " SELECT f.etl_tipo, f.ubicacion_id, count(*) FILTER (f.id > COALESCE(e.ultimo, -1)) AS seguidas,"
        " min(f.fecha_inicio) FILTER (f.id > COALESCE(e.ultimo, -1)), arg_max(COALESCE(f.error_tipo, ''), f.id),"
        " arg_max(COALESCE(f.error_mensaje, ''), f.id), max(f.fecha_fin) FILTER (f.estado = 'exitoso'),"
        " min(f.fecha_inicio), COALESCE(max(f.rechazados) FILTER (f.id = e.ultimo), 0),"
        " arg_max(COALESCE(f.espera_bd_s, 0), f.id)"
        " FROM filas AS f JOIN exitos AS e USING (etl_tipo, ubicacion_id) GROUP BY ALL",
        {"ids": list(ubicaciones), "jobs": [str(job) for job in Job], "desde": desde},
    ).fetchall()
    return [Historial(Job(job), *resto) for job, *resto in rows]


def leido_hasta(con: DuckDBPyConnection, ubicaciones: Sequence[str]) -> dict[str, datetime]:
    """Store to its watermark of sales, UTC without saying so."""
    rows = con.execute(
        "SELECT ubicacion_id, max(hasta_utc) FROM etl_marcas WHERE etl_tipo = 'ventas'"
        " AND list_contains($ids, ubicacion_id) GROUP BY ubicacion_id",
        {"ids": list(ubicaciones)},
    ).fetchall()
    return dict(rows)


def ultimas_ventas(con: DuckDBPyConnection, ubicaciones: Sequence[str], desde: date) -> dict[str, datetime]:
    """Store to its newest sale since a day; stores without one are left out."""
    rows = con.execute(
        "SELECT ubicacion_id, max(TRY_CAST(fecha_hora_completa AS TIMESTAMP)) FROM ventas_raw"
        " WHERE fecha >= $desde AND list_contains($ids, ubicacion_id) GROUP BY ubicacion_id",
        {"ids": list(ubicaciones), "desde": str(desde)},
    ).fetchall()
    return {ubicacion: venta for ubicacion, venta in rows if venta is not None}


def franjas(con: DuckDBPyConnection, ubicaciones: Sequence[str], fecha: date) -> dict[str, frozenset[int]]:
    """Store to the half hours (0 to 47) of a day in which it sold something.

    One day a call: on 20 million lines as text that takes 40 ms, and a run that waits for the database no longer.
    """
    rows = con.execute(
        "SELECT ubicacion_id, list(DISTINCT hour(hora) * 2 + minute(hora) // 30) FROM ("
        "  SELECT ubicacion_id, TRY_CAST(fecha_hora_completa AS TIMESTAMP) AS hora"
        "  FROM ventas_raw WHERE fecha = $fecha AND list_contains($ids, ubicacion_id)"
        ") WHERE hora IS NOT NULL GROUP BY ubicacion_id",
        {"ids": list(ubicaciones), "fecha": str(fecha)},
    ).fetchall()
    return {ubicacion: frozenset(slots) for ubicacion, slots in rows}


def tardias(con: DuckDBPyConnection, tienda: Tienda, run_id: str) -> conciliacion.Tardanza:
    """The lines of a store that a run of conciliacion found and no window had: the day with the latest of them."""
    fechas = con.execute(
        "SELECT DISTINCT fecha FROM ventas_correcciones WHERE run_id = ? AND ubicacion_id = ? AND tipo = 'agregada'"
        " ORDER BY fecha DESC LIMIT 3",
        [run_id, tienda.id],
    ).fetchall()
    days = [conciliacion.tardanza(con, tienda, fecha, run_id) for (fecha,) in fechas]
    return max((d for d in days if d.perdidas), key=lambda d: d.maxima_min, default=conciliacion.Tardanza())


def dia(con: DuckDBPyConnection, fecha: date, ubicaciones: Sequence[str]) -> dict[str, list[tuple[Any, ...]]]:
    """A day in figures, for the daily summary.

    Returns:
        `corridas`: job, runs, runs in which a store failed; `tiendas`: store, its failed runs; `ventas`: store,
        invoices, lines, USD.
    """
    dia_ = {"ids": list(ubicaciones), "dia": str(fecha)}
    corridas = con.execute(
        "SELECT etl_tipo, count(*), count(*) FILTER (mala) FROM ("
        "  SELECT etl_tipo, run_id, bool_or(estado = 'fallido') AS mala FROM etl_ejecuciones"
        "  WHERE CAST(fecha_inicio AS DATE) = CAST($dia AS DATE) AND list_contains($ids, ubicacion_id)"
        "  GROUP BY etl_tipo, run_id) GROUP BY etl_tipo ORDER BY etl_tipo",
        dia_,
    ).fetchall()
    tiendas = con.execute(
        "SELECT ubicacion_id, count(*) FILTER (estado = 'fallido') FROM etl_ejecuciones"
        " WHERE CAST(fecha_inicio AS DATE) = CAST($dia AS DATE) AND list_contains($ids, ubicacion_id)"
        " GROUP BY ubicacion_id ORDER BY ubicacion_id",
        dia_,
    ).fetchall()
    ventas = con.execute(
        "SELECT ubicacion_id, count(DISTINCT numero_factura), count(*),"
        " COALESCE(sum(TRY_CAST(venta_total AS DECIMAL(18, 6))), 0) FROM ventas_raw"
        " WHERE fecha = $dia AND list_contains($ids, ubicacion_id) GROUP BY ubicacion_id",
        dia_,
    ).fetchall()
    return {"corridas": corridas, "tiendas": tiendas, "ventas": ventas}
