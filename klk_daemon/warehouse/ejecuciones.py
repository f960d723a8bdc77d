"""The ledger `etl_ejecuciones`: one row per store and run, written at its start and again at its end."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Estado, Job, Tienda
from klk_daemon.warehouse.staging import changed, column_types, scalar

CLAVE = ("run_id", "ubicacion_id")


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
    if ejecuciones:
        _insertar(con, ejecuciones, _tipos(con))


def guardar(con: DuckDBPyConnection, ejecuciones: Sequence[Ejecucion]) -> None:
    """Writes the rows, each over its earlier version where there is one; the last of the same. Bears repetition."""
    filas = {(e.run_id, e.ubicacion_id): e for e in ejecuciones}
    if not filas:
        return
    tipos = _tipos(con)
    escritas = _actualizar(con, [*filas.values()], tipos)
    if escritas < len(filas):
        hay = _claves(con, {run_id for run_id, _ in filas}) if escritas else set()
        _insertar(con, [e for clave, e in filas.items() if clave not in hay], tipos)


def _actualizar(con: DuckDBPyConnection, ejecuciones: Sequence[Ejecucion], tipos: Mapping[str, str]) -> int:
    """Writes over what is there; how many rows that were."""
    columnas = [c for c in tipos if c not in CLAVE]
    if len(ejecuciones) == 1:  # twice as fast as a join
        return changed(
            con,
            f"UPDATE etl_ejecuciones SET {', '.join(f'{c} = ${c}' for c in columnas)}"
            " WHERE run_id = $run_id AND ubicacion_id = $ubicacion_id",
            _fila(ejecuciones[0], tipos),
        )
    return changed(
        con,
        f"UPDATE etl_ejecuciones AS e SET {', '.join(f'{c} = n.{c}' for c in columnas)} FROM ({_filas(tipos)}) AS n"
        " WHERE e.run_id = n.run_id AND e.ubicacion_id = n.ubicacion_id",
        [_en_json(_fila(e, tipos) for e in ejecuciones)],
    )


def _insertar(con: DuckDBPyConnection, ejecuciones: Sequence[Ejecucion], tipos: Mapping[str, str]) -> None:
    siguiente = scalar(con, "SELECT COALESCE(max(id), 0) + 1 FROM etl_ejecuciones")
    filas = ({"id": n} | _fila(e, tipos) for n, e in enumerate(ejecuciones, start=siguiente))
    con.execute(
        f"INSERT INTO etl_ejecuciones BY NAME {_filas({'id': 'BIGINT', **tipos})}",
        [_en_json(filas)],
    )


def _claves(con: DuckDBPyConnection, run_ids: Collection[str]) -> set[tuple[str, str]]:
    """Run and store of the rows that these runs have."""
    return set(
        con.execute(
            "SELECT run_id, ubicacion_id FROM etl_ejecuciones WHERE list_contains(?, run_id)", [list(run_ids)]
        ).fetchall()
    )


def _filas(tipos: Mapping[str, str]) -> str:
    """The SQL of the rows that one parameter carries (`_en_json`).

    26 parameters a row would be a hundred for four stores, and take longer than all else.
    """
    estructura = json.dumps([tipos]).replace("'", "''")
    return f"SELECT unnest(from_json_strict(?, '{estructura}'), recursive := true)"


def _en_json(filas: Iterable[Mapping[str, Any]]) -> str:
    return json.dumps([*filas], default=str)  # str: dates and times


def _tipos(con: DuckDBPyConnection) -> dict[str, str]:
    """The columns that we write, and their types: in a legacy file there may be fewer, and others."""
    todos = column_types(con, "etl_ejecuciones")
    return {c: kind for c, kind in todos.items() if c in Ejecucion.__dataclass_fields__}


def _fila(ejecucion: Ejecucion, columnas: Iterable[str]) -> dict[str, Any]:
    return {c: getattr(ejecucion, c) for c in columnas}


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
