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
from klk_daemon.warehouse import texto
from klk_daemon.warehouse.staging import changed, column_types, count, pack, stage

# How far from a line's date its older version is looked for, should a correction have moved it to another day.
MOVED_DAYS = timedelta(days=3)
# Written when a line is, and no part of what KLK says of it.
STAMPS = ("fecha_extraccion", "fecha_transformacion", "fecha_carga", "fecha_actualizacion")
OURS = ("ubicacion_id", "ubicacion_nombre", *STAMPS)
KEY = "v.ubicacion_id = $ubicacion AND v.numero_factura = n.numero_factura AND v.linea = n.linea"
NEAR = "v.fecha BETWEEN $desde AND $hasta"
# A line held and the one that was read: `clave` is the latter's number, whatever the former's text (`1`, `1.0`).
ITSELF = "p.numero_factura = n.numero_factura AND p.clave = n.linea"


@dataclass(frozen=True, slots=True)
class Comparacion:
    """Staged rows beside what is held of them.

    Temporary tables while it lasts: `lote` (the rows), `previas` (their versions in the table, each line once, with
    `fila`, its place), `sobrantes` (its other copies), `cambios` (the rows that are not there, or not so).

    Attributes:
        filas: how many rows there are.
        tipos: the columns that are compared, and their types in the table.
        rango: the dates between which `previas` was looked for.
        mismo: SQL: the line `v` of the table is the line `n` that was read.
    """

    filas: int
    tipos: Mapping[str, str]
    rango: Mapping[str, str]
    mismo: str

    @property
    def columnas(self) -> Sequence[str]:
        """The columns that are compared."""
        return list(self.tipos)


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
    textuales = texto.textuales("ventas_raw", tipos)
    todas = [*fechas, *(date.fromisoformat(f["fecha"]) for f in filas)]
    rango = {"desde": str(min(todas) - MOVED_DAYS), "hasta": str(max(todas) + MOVED_DAYS)}
    mismo = clave(textuales)
    stage(con, "lote", pack(texto.escribir(filas, textuales), tipos))
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE previas AS SELECT v.rowid AS fila, n.linea AS clave,"
        f" {', '.join('v.' + c for c in tipos)}"
        f" FROM ventas_raw AS v JOIN lote AS n ON {mismo} WHERE v.ubicacion_id = $ubicacion AND {NEAR}",
        {"ubicacion": tienda.id, **rango},
    )
    # An older pipeline appended a line again on every retry: the last copy stays.
    con.execute(
        "CREATE OR REPLACE TEMP TABLE sobrantes AS SELECT * FROM previas"
        " WHERE fila NOT IN (SELECT max(fila) FROM previas GROUP BY numero_factura, clave)"
    )
    con.execute("DELETE FROM previas WHERE fila IN (SELECT fila FROM sobrantes)")
    con.execute(f"CREATE OR REPLACE TEMP TABLE cambios AS {_cambios(tipos, textuales)}")
    yield Comparacion(len(filas), tipos, rango, mismo)
    con.execute("DROP TABLE lote; DROP TABLE previas; DROP TABLE sobrantes; DROP TABLE cambios")


def clave(textuales: Mapping[str, str]) -> str:
    """SQL: the line `v` of the table is the line `n`, whatever text its number is."""
    if "linea" not in textuales:
        return KEY
    numero = (f"{texto.valor(f'{alias}.linea', textuales['linea'])}" for alias in "vn")
    return KEY.replace("v.linea = n.linea", " = ".join(numero))


def _cambios(tipos: Mapping[str, str], textuales: Mapping[str, str]) -> str:
    if not textuales:
        columnas = ", ".join(tipos)
        return f"SELECT * FROM lote EXCEPT SELECT {columnas} FROM previas"
    iguales = (
        f"{texto.valor(f'p.{c}', textuales.get(c))} IS NOT DISTINCT FROM {texto.valor(f'n.{c}', textuales.get(c))}"
        for c in tipos
        if c not in {"numero_factura", "linea"}
    )
    return f"SELECT n.* FROM lote AS n ANTI JOIN previas AS p ON {ITSELF} AND {' AND '.join(iguales)}"


def aplicar(
    con: DuckDBPyConnection, tienda: Tienda, comparacion: Comparacion, *, extraida: datetime, now: datetime
) -> Conteo:
    """Writes a comparison's changes, and deletes superfluous copies; a certificate of a day that they touch ends."""
    cambios, sobrantes = count(con, "cambios"), count(con, "sobrantes")
    if not cambios and not sobrantes:
        return Conteo(extraidos=comparacion.filas, sin_cambio=comparacion.filas)
    con.execute(
        "UPDATE dias_certificados SET reabierto = $now WHERE ubicacion_id = $ubicacion AND reabierto IS NULL AND fecha"
        " IN (SELECT TRY_CAST(fecha AS DATE) FROM cambios UNION SELECT TRY_CAST(p.fecha AS DATE) FROM previas AS p"
        f" SEMI JOIN cambios AS n ON {ITSELF} UNION SELECT TRY_CAST(fecha AS DATE) FROM sobrantes)",
        {"ubicacion": tienda.id, "now": now},
    )
    eliminados = (
        changed(
            con,
            "DELETE FROM ventas_raw AS v WHERE v.ubicacion_id = $ubicacion AND v.rowid IN (SELECT fila FROM sobrantes)"
            f" AND {NEAR}",
            {"ubicacion": tienda.id, **comparacion.rango},
        )
        if sobrantes
        else 0
    )
    actualizados, insertados = _escribir(con, tienda, comparacion, extraida, now) if cambios else (0, 0)
    return Conteo(
        extraidos=comparacion.filas,
        insertados=insertados,
        actualizados=actualizados,
        sin_cambio=comparacion.filas - cambios,
        eliminados=eliminados,
    )


def _escribir(
    con: DuckDBPyConnection, tienda: Tienda, comparacion: Comparacion, extraida: datetime, now: datetime
) -> tuple[int, int]:
    """Updates and inserts `cambios`; how many of each."""
    columnas, tipos = comparacion.columnas, column_types(con, "ventas_raw")
    sellos = {
        "ubicacion": tienda.id,
        "extraida": texto.sello(extraida, tipos["fecha_extraccion"]),
        "transformada": texto.sello(now, tipos["fecha_transformacion"]),
        "now": now,
    }
    actualizados = changed(
        con,
        f"UPDATE ventas_raw AS v SET {', '.join(f'{c} = n.{c}' for c in columnas)}, fecha_extraccion = $extraida,"
        f" fecha_transformacion = $transformada, fecha_actualizacion = $now FROM cambios AS n"
        f" WHERE {comparacion.mismo} AND {NEAR}",
        {**sellos, **comparacion.rango},
    )
    insertados = changed(
        con,
        f"INSERT INTO ventas_raw ({', '.join(columnas)}, {', '.join(OURS)})"
        f" SELECT {', '.join('n.' + c for c in columnas)}, $ubicacion, $nombre, $extraida, $transformada, $now, $now"
        f" FROM cambios AS n ANTI JOIN previas AS p ON {ITSELF}"
        " ORDER BY n.fecha_hora_completa, n.numero_factura, n.linea",
        {**sellos, "nombre": tienda.nombre},
    )
    return actualizados, insertados
