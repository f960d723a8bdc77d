"""Sale lines into `ventas_raw`: each line once, changed lines updated, identical ones left alone.

A line is (ubicacion_id, numero_factura, linea): klk-api.md, trap 4. Nothing but the transaction keeps it unique.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Conteo, Tienda
from klk_daemon.warehouse.staging import column_types, count, stage

# How far from a line's date its older version is looked for, should a correction have moved it to another day.
MOVED_DAYS = timedelta(days=3)
# Written when a line is, and no part of what KLK says of it.
STAMPS = ("fecha_extraccion", "fecha_transformacion", "fecha_carga", "fecha_actualizacion")
KEY = "v.ubicacion_id = $ubicacion AND v.numero_factura = n.numero_factura AND v.linea = n.linea"
NEAR = "v.fecha BETWEEN $desde AND $hasta"


def cargar(
    con: DuckDBPyConnection,
    tienda: Tienda,
    filas: Sequence[Mapping[str, Any]],
    *,
    extraida: datetime,
    now: datetime,
) -> Conteo:
    """Loads converted lines, each key once (klk/convert.py), in the caller's transaction.

    Args:
        con: an open transaction.
        tienda: whose lines they are.
        filas: converted rows.
        extraida: when KLK answered, naive local time.
        now: naive local time, for `fecha_carga` and `fecha_actualizacion`.

    Returns:
        What happened to them; `rechazados` is not this function's.
    """
    if not filas:
        return Conteo()
    with comparar(con, tienda, filas) as (columnas, rango):
        cambios = count(con, "cambios")
        parametros = {"ubicacion": tienda.id, **rango}
        sellos = {"extraida": extraida, "now": now}
        actualizados = 0
        if cambios:
            asignaciones = ", ".join(f"{c} = n.{c}" for c in columnas)
            row = con.execute(
                f"UPDATE ventas_raw AS v SET {asignaciones}, fecha_extraccion = $extraida,"
                f" fecha_transformacion = $now, fecha_actualizacion = $now FROM cambios AS n WHERE {KEY} AND {NEAR}",
                parametros | sellos,
            ).fetchone()
            actualizados = int(row[0]) if row else 0
            con.execute(
                f"INSERT INTO ventas_raw ({', '.join(columnas)}, ubicacion_id, ubicacion_nombre, {', '.join(STAMPS)})"
                f" SELECT {', '.join('n.' + c for c in columnas)}, $ubicacion, $nombre, $extraida, $now, $now, $now"
                " FROM cambios AS n ANTI JOIN previas AS p USING (numero_factura, linea)"
                " ORDER BY n.fecha_hora_completa, n.numero_factura, n.linea",
                {"ubicacion": tienda.id, "nombre": tienda.nombre} | sellos,
            )
    return Conteo(
        extraidos=len(filas),
        insertados=cambios - actualizados,
        actualizados=actualizados,
        sin_cambio=len(filas) - cambios,
    )


@contextmanager
def comparar(
    con: DuckDBPyConnection, tienda: Tienda, filas: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Stages the rows beside what is held of them.

    Temporary tables while it lasts: `lote` (the rows), `previas` (their versions in the table), `cambios` (the rows
    that are not there, or not so). Yields the compared columns, and the dates between which `previas` was looked for.
    """
    tipos = {c: t for c, t in column_types(con, "ventas_raw").items() if c in filas[0]}
    fechas = [date.fromisoformat(f["fecha"]) for f in filas]
    rango = {"desde": str(min(fechas) - MOVED_DAYS), "hasta": str(max(fechas) + MOVED_DAYS)}
    columnas = list(tipos)
    stage(con, "lote", filas, tipos)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE previas AS SELECT {', '.join('v.' + c for c in columnas)}"
        f" FROM ventas_raw AS v SEMI JOIN lote AS n ON {KEY} WHERE v.ubicacion_id = $ubicacion AND {NEAR}",
        {"ubicacion": tienda.id, **rango},
    )
    con.execute("CREATE OR REPLACE TEMP TABLE cambios AS SELECT * FROM lote EXCEPT SELECT * FROM previas")
    try:
        yield columnas, rango
    finally:
        con.execute("DROP TABLE lote; DROP TABLE previas; DROP TABLE cambios")
