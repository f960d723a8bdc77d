"""Sale lines into `ventas_raw`: each line once, changed lines updated, identical ones left alone.

A line is (ubicacion_id, numero_factura, linea): klk-api.md, trap 4. Nothing but the transaction keeps it unique.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Conteo, Tienda
from klk_daemon.warehouse.staging import changed, column_types, count, pack, stage

# How far from a line's date its older version is looked for, should a correction have moved it to another day.
MOVED_DAYS = timedelta(days=3)
# Written when a line is, and no part of what KLK says of it.
STAMPS = ("fecha_extraccion", "fecha_transformacion", "fecha_carga", "fecha_actualizacion")
OURS = ("ubicacion_id", "ubicacion_nombre", *STAMPS)
KEY = "v.ubicacion_id = $ubicacion AND v.numero_factura = n.numero_factura AND v.linea = n.linea"
NEAR = "v.fecha BETWEEN $desde AND $hasta"


@dataclass(frozen=True, slots=True)
class Comparacion:
    """Staged rows beside what is held of them.

    Temporary tables while it lasts: `lote` (the rows), `previas` (their versions in the table), `cambios` (the rows
    that are not there, or not so).

    Attributes:
        filas: how many rows there are.
        columnas: the columns that are compared.
        rango: the dates between which `previas` was looked for.
    """

    filas: int
    columnas: Sequence[str]
    rango: Mapping[str, str]


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
    with comparar(con, tienda, filas) as comparacion:
        return aplicar(con, tienda, comparacion, extraida=extraida, now=now)


@contextmanager
def comparar(
    con: DuckDBPyConnection, tienda: Tienda, filas: Sequence[Mapping[str, Any]], *fechas: date
) -> Iterator[Comparacion]:
    """Stages rows of one store and compares them with what is held; `fechas` are days to look at besides theirs."""
    tipos = {
        columna: tipo
        for columna, tipo in column_types(con, "ventas_raw").items()
        if columna not in OURS and (not filas or columna in filas[0])
    }
    todas = [*fechas, *(date.fromisoformat(f["fecha"]) for f in filas)]
    rango = {"desde": str(min(todas) - MOVED_DAYS), "hasta": str(max(todas) + MOVED_DAYS)}
    columnas = list(tipos)
    stage(con, "lote", pack(filas, tipos))
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE previas AS SELECT {', '.join('v.' + c for c in columnas)}"
        f" FROM ventas_raw AS v SEMI JOIN lote AS n ON {KEY} WHERE v.ubicacion_id = $ubicacion AND {NEAR}",
        {"ubicacion": tienda.id, **rango},
    )
    con.execute("CREATE OR REPLACE TEMP TABLE cambios AS SELECT * FROM lote EXCEPT SELECT * FROM previas")
    yield Comparacion(len(filas), columnas, rango)
    con.execute("DROP TABLE lote; DROP TABLE previas; DROP TABLE cambios")


def aplicar(
    con: DuckDBPyConnection, tienda: Tienda, comparacion: Comparacion, *, extraida: datetime, now: datetime
) -> Conteo:
    """Writes a comparison's changes; a certificate of a day that they touch ends."""
    cambios = count(con, "cambios")
    if not cambios:
        return Conteo(extraidos=comparacion.filas, sin_cambio=comparacion.filas)
    columnas = comparacion.columnas
    sellos = {"ubicacion": tienda.id, "extraida": extraida, "now": now}
    con.execute(
        "UPDATE dias_certificados SET reabierto = $now WHERE ubicacion_id = $ubicacion AND reabierto IS NULL AND fecha"
        " IN (SELECT CAST(fecha AS DATE) FROM cambios UNION SELECT CAST(p.fecha AS DATE) FROM previas AS p"
        " SEMI JOIN cambios AS n USING (numero_factura, linea))",
        {"ubicacion": tienda.id, "now": now},
    )
    actualizados = changed(
        con,
        f"UPDATE ventas_raw AS v SET {', '.join(f'{c} = n.{c}' for c in columnas)}, fecha_extraccion = $extraida,"
        f" fecha_transformacion = $now, fecha_actualizacion = $now FROM cambios AS n WHERE {KEY} AND {NEAR}",
        {**sellos, **comparacion.rango},
    )
    insertados = changed(
        con,
        f"INSERT INTO ventas_raw ({', '.join(columnas)}, {', '.join(OURS)})"
        f" SELECT {', '.join('n.' + c for c in columnas)}, $ubicacion, $nombre, $extraida, $now, $now, $now"
        " FROM cambios AS n ANTI JOIN previas AS p USING (numero_factura, linea)"
        " ORDER BY n.fecha_hora_completa, n.numero_factura, n.linea",
        {**sellos, "nombre": tienda.nombre},
    )
    return Conteo(
        extraidos=comparacion.filas,
        insertados=insertados,
        actualizados=actualizados,
        sin_cambio=comparacion.filas - cambios,
    )
