"""The ledger `etl_ejecuciones`: one row per store and run, written at its start and again at its end."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Estado, Job, Tienda
from klk_daemon.warehouse.staging import changed, column_types, scalar


@dataclass(frozen=True, slots=True)
class Ejecucion:
    """A ledger row; the fields are its columns. Timestamps are naive local time, durations seconds."""

    run_id: str
    etl_tipo: Job
    modo: str
    ubicacion_id: str
    ubicacion_nombre: str
    fecha_inicio: datetime
    version_etl: str
    host: str
    estado: Estado = Estado.EN_PROCESO
    fecha_fin: datetime | None = None
    duracion_segundos: float | None = None
    fecha_desde: date | None = None
    fecha_hasta: date | None = None
    hora_desde: time | None = None
    hora_hasta: time | None = None
    registros_extraidos: int = 0
    registros_cargados: int = 0
    insertados: int = 0
    actualizados: int = 0
    eliminados: int = 0
    rechazados: int = 0
    error_tipo: str | None = None
    error_mensaje: str | None = None
    espera_bd_s: float | None = None
    extraccion_s: float | None = None
    carga_s: float | None = None


def empezar(con: DuckDBPyConnection, ejecuciones: Sequence[Ejecucion]) -> None:
    """Writes the rows of a run that begins: none of them is there yet."""
    if not ejecuciones:
        return
    columnas = _columnas(con)
    siguiente = scalar(con, "SELECT COALESCE(max(id), 0) + 1 FROM etl_ejecuciones")
    filas = [[n, *(getattr(e, c) for c in columnas)] for n, e in enumerate(ejecuciones, start=siguiente)]
    lugares = f"({', '.join('?' * (len(columnas) + 1))})"
    con.execute(
        f"INSERT INTO etl_ejecuciones (id, {', '.join(columnas)}) VALUES {', '.join([lugares] * len(filas))}",
        [valor for fila in filas for valor in fila],
    )


def guardar(con: DuckDBPyConnection, ejecuciones: Sequence[Ejecucion]) -> None:
    """Writes the rows, each over its earlier version where there is one. Bears repetition."""
    columnas = _columnas(con)
    asignaciones = ", ".join(f"{c} = ${c}" for c in columnas)
    for e in ejecuciones:
        valores: dict[str, Any] = {c: getattr(e, c) for c in columnas}
        there = changed(
            con,
            f"UPDATE etl_ejecuciones SET {asignaciones} WHERE run_id = $run_id AND ubicacion_id = $ubicacion_id",
            valores,
        )
        if not there:
            empezar(con, [e])


def _columnas(con: DuckDBPyConnection) -> list[str]:
    return [c for c in column_types(con, "etl_ejecuciones") if c in Ejecucion.__dataclass_fields__]


def reparar(
    con: DuckDBPyConnection, jobs: Collection[Job], ubicaciones: Collection[str], host: str, now: datetime
) -> int:
    """Ends the rows that a process which died left `en_proceso`; not those of an older pipeline, which have no run.

    Args:
        con: an open transaction.
        jobs: those of which the caller knows that no run is alive, but its own, which has no row yet.
        ubicaciones: the stores of this installation; its host may have had another name.
        host: this machine's name, whose rows of stores that are configured no more are ended, too.
        now: naive local time.

    Returns:
        How many there were.
    """
    return changed(
        con,
        "UPDATE etl_ejecuciones SET estado = $fallido, error_tipo = 'interrumpido', fecha_fin = $now,"
        " duracion_segundos = greatest(0, date_diff('second', fecha_inicio, $now)),"
        " error_mensaje = 'the process ended before the run did' WHERE estado = $en_proceso AND run_id IS NOT NULL"
        " AND list_contains($jobs, etl_tipo) AND (host = $host OR list_contains($ubicaciones, ubicacion_id))",
        {
            "fallido": Estado.FALLIDO,
            "en_proceso": Estado.EN_PROCESO,
            "now": now,
            "jobs": list(jobs),
            "host": host,
            "ubicaciones": list(ubicaciones),
        },
    )


def anotar_tiendas(con: DuckDBPyConnection, tiendas: Sequence[Tienda], now: datetime) -> None:
    """Keeps `ubicaciones` in step with the configuration: new stores in, names and `activo` up to date."""
    held = {id_: tuple(rest) for id_, *rest in con.execute("SELECT id, nombre, activo FROM ubicaciones").fetchall()}
    for t in tiendas:
        if t.id not in held:
            con.execute(
                # In a legacy file `codigo` is unique, and may be another row's.
                "INSERT INTO ubicaciones (id, codigo, nombre, tipo, activo, created_at, updated_at) SELECT $id,"
                " CASE WHEN EXISTS (SELECT 1 FROM ubicaciones WHERE codigo = $codigo) THEN $id ELSE $codigo END,"
                " $nombre, 'tienda', $activa, $now, $now",
                {"id": t.id, "codigo": t.sucursal, "nombre": t.nombre, "activa": t.activa, "now": now},
            )
        elif held[t.id] != (t.nombre, t.activa):
            con.execute(
                "UPDATE ubicaciones SET nombre = $nombre, activo = $activa, updated_at = $now WHERE id = $id",
                {"id": t.id, "nombre": t.nombre, "activa": t.activa, "now": now},
            )
