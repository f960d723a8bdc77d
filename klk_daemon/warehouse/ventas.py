"""Sale lines into `ventas_raw`: each line once, changed lines updated, identical ones left alone.

A line is (ubicacion_id, numero_factura, linea): klk-api.md, trap 4. Nothing but the transaction keeps it unique.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from operator import itemgetter
from typing import Any

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Conteo, Tienda
from klk_daemon.warehouse import texto
from klk_daemon.warehouse.staging import Columnas, changed, column_types, scalar, stage

# How far from a line's date its older version is looked for, should a correction have moved it to another day.
MOVED_DAYS = timedelta(days=3)
# Written when a line is, and no part of what KLK says of it.
STAMPS = ("fecha_extraccion", "fecha_transformacion", "fecha_carga", "fecha_actualizacion")
OURS = ("ubicacion_id", "ubicacion_nombre", *STAMPS)
KEY = "v.ubicacion_id = $ubicacion AND v.numero_factura = n.numero_factura AND v.linea = n.linea"
NEAR = "v.fecha BETWEEN $desde AND $hasta"
# A line held and the one that was read: `clave` is the latter's number, whatever the former's text (`1`, `1.0`).
ITSELF = "p.numero_factura = n.numero_factura AND p.clave = n.linea"
EXPONENT = re.compile(r"\d[eE][-+]?\d")


@dataclass(frozen=True, slots=True)
class Lineas:
    """Lines on their way into the database, as text: a tenth of the memory that they take as dictionaries.

    Attributes:
        numero: how many.
        fechas: the dates at which they were sold.
        columnas: each column's values as one JSON list.
    """

    numero: int
    fechas: frozenset[date]
    columnas: Mapping[str, str]


def preparar(filas: Sequence[Mapping[str, Any]]) -> Lineas:
    """Makes converted lines, each key once (klk/convert.py), ready to be loaded. Needs no database."""
    if not filas:
        return Lineas(0, frozenset(), {})
    nombres = list(filas[0])
    valores = zip(*map(itemgetter(*nombres), filas), strict=True)
    return Lineas(
        len(filas),
        frozenset(map(date.fromisoformat, {fila["fecha"] for fila in filas})),
        dict(zip(nombres, map(_lista, valores), strict=True)),
    )


def _lista(valores: Sequence[Any]) -> str:
    """A JSON list whose numbers have no exponent: a column of text takes them over as they are written."""
    lista = json.dumps(valores)
    if EXPONENT.search(lista):
        return json.dumps([texto.decimal(valor) if isinstance(valor, float) else valor for valor in valores])
    return lista


@dataclass(frozen=True, slots=True)
class Comparacion:
    """Staged rows beside what is held of them.

    Temporary tables while it lasts: `lote` (the rows), `previas` (their versions in the table, each line once, with
    `fila`, its place), `cambios` (the rows that are not there, or not so); in a table of text that has such also
    `sobrantes` (a line's other copies).

    Attributes:
        filas: how many rows there are.
        cambios: how many of them are not there, or not so.
        sobrantes: how many copies are too many.
        columnas: the columns that are compared.
        sellos: the types of the columns that are not.
        rango: the dates between which `previas` was looked for.
        mismo: SQL: the line `v` of the table is the line `n` that was read.
    """

    filas: int
    cambios: int
    sobrantes: int
    columnas: Sequence[str]
    sellos: Mapping[str, str]
    rango: Mapping[str, str]
    mismo: str


def cargar(
    con: DuckDBPyConnection,
    tienda: Tienda,
    lineas: Lineas,
    *,
    extraida: datetime,
    now: datetime,
) -> Conteo:
    """Loads lines in the caller's transaction.

    Args:
        con: an open transaction.
        tienda: whose lines they are.
        lineas: what was read.
        extraida: when KLK answered, naive local time.
        now: naive local time, for `fecha_carga` and `fecha_actualizacion`.

    Returns:
        What happened to them; `rechazados` is not this function's.
    """
    if not lineas.numero:
        return Conteo()
    with comparar(con, tienda, lineas) as comparacion:
        return aplicar(con, tienda, comparacion, extraida=extraida, now=now)


@contextmanager
def comparar(con: DuckDBPyConnection, tienda: Tienda, lineas: Lineas, *fechas: date) -> Iterator[Comparacion]:
    """Stages lines of one store and compares them with what is held; `fechas` are days to look at besides theirs."""
    todos = column_types(con, "ventas_raw")
    tipos = {c: tipo for c, tipo in todos.items() if c not in OURS and (not lineas.numero or c in lineas.columnas)}
    textuales = texto.textuales("ventas_raw", tipos)
    todas = lineas.fechas.union(fechas)
    rango = {"desde": str(min(todas) - MOVED_DAYS), "hasta": str(max(todas) + MOVED_DAYS)}
    mismo = clave(textuales)
    stage(con, "lote", Columnas(tipos, [lineas.columnas.get(c, "[]") for c in tipos]))
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE previas AS SELECT v.rowid AS fila, n.linea AS clave,"
        f" {', '.join('v.' + c for c in tipos)}"
        f" FROM ventas_raw AS v JOIN lote AS n ON {mismo} WHERE v.ubicacion_id = $ubicacion AND {NEAR}",
        {"ubicacion": tienda.id, **rango},
    )
    sobrantes = _apartar_copias(con) if textuales else 0
    cambios = changed(con, f"CREATE OR REPLACE TEMP TABLE cambios AS {_cambios(tipos)}")
    if textuales and cambios:
        cambios -= _apartar_iguales(con, tipos, textuales)
    sellos = {c: todos[c] for c in OURS}
    yield Comparacion(lineas.numero, cambios, sobrantes, list(tipos), sellos, rango, mismo)
    con.execute("DROP TABLE lote; DROP TABLE previas; DROP TABLE cambios; DROP TABLE IF EXISTS sobrantes")


def _apartar_copias(con: DuckDBPyConnection) -> int:
    """Of lines that an older pipeline appended again on every retry, leaves the last in `previas`; how many others."""
    if not scalar(con, "SELECT count(*) - count(DISTINCT (numero_factura, clave)) FROM previas"):
        return 0
    sobrantes = changed(
        con,
        "CREATE OR REPLACE TEMP TABLE sobrantes AS SELECT * FROM previas"
        " WHERE fila NOT IN (SELECT max(fila) FROM previas GROUP BY numero_factura, clave)",
    )
    con.execute("DELETE FROM previas WHERE fila IN (SELECT fila FROM sobrantes)")
    return sobrantes


def clave(textuales: Mapping[str, str]) -> str:
    """SQL: the line `v` of the table is the line `n`, whatever text its number is."""
    if "linea" not in textuales:
        return KEY
    numero = (f"{texto.valor(f'{alias}.linea', textuales['linea'])}" for alias in "vn")
    return KEY.replace("v.linea = n.linea", " = ".join(numero))


def _cambios(tipos: Mapping[str, str]) -> str:
    return f"SELECT n.* FROM lote AS n ANTI JOIN previas AS p ON {ITSELF} AND {_iguales(tipos, {})}"


def _apartar_iguales(con: DuckDBPyConnection, tipos: Mapping[str, str], textuales: Mapping[str, str]) -> int:
    """Takes those out of `cambios` that are held in another text of the same meaning; how many."""
    if not scalar(con, f"SELECT count(*) FROM cambios AS n SEMI JOIN previas AS p ON {ITSELF}"):
        return 0  # nearly always: what is held was written here, and to compare meanings takes long
    iguales = _iguales(tipos, textuales)
    return changed(con, f"DELETE FROM cambios AS n USING previas AS p WHERE {ITSELF} AND {iguales}")


def _iguales(tipos: Mapping[str, str], textuales: Mapping[str, str]) -> str:
    """SQL: a line held and the one that was read say the same, in these columns of text by what they mean."""
    return " AND ".join(
        f"{texto.valor(f'p.{c}', textuales.get(c))} IS NOT DISTINCT FROM {texto.valor(f'n.{c}', textuales.get(c))}"
        for c in tipos
        if c not in {"numero_factura", "linea"}
    )


def aplicar(
    con: DuckDBPyConnection, tienda: Tienda, comparacion: Comparacion, *, extraida: datetime, now: datetime
) -> Conteo:
    """Writes a comparison's changes, and deletes superfluous copies; a certificate of a day that they touch ends."""
    cambios, sobrantes = comparacion.cambios, comparacion.sobrantes
    if not cambios and not sobrantes:
        return Conteo(extraidos=comparacion.filas, sin_cambio=comparacion.filas)
    tocadas = (
        "SELECT TRY_CAST(fecha AS DATE) FROM cambios UNION SELECT TRY_CAST(p.fecha AS DATE) FROM previas AS p"
        f" SEMI JOIN cambios AS n ON {ITSELF}"
    ) + (" UNION SELECT TRY_CAST(fecha AS DATE) FROM sobrantes" if sobrantes else "")
    con.execute(
        "UPDATE dias_certificados SET reabierto = $now"
        f" WHERE ubicacion_id = $ubicacion AND reabierto IS NULL AND fecha IN ({tocadas})",
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
    columnas, tipos = comparacion.columnas, comparacion.sellos
    sellos = {
        "ubicacion": tienda.id,
        "extraida": texto.sello(extraida, tipos["fecha_extraccion"]),
        "transformada": texto.sello(now, tipos["fecha_transformacion"]),
        "now": now,
    }
    insertados = changed(
        con,
        f"INSERT INTO ventas_raw ({', '.join(columnas)}, {', '.join(OURS)})"
        f" SELECT {', '.join('n.' + c for c in columnas)}, $ubicacion, $nombre, $extraida, $transformada, $now, $now"
        f" FROM cambios AS n ANTI JOIN previas AS p ON {ITSELF}"
        " ORDER BY n.fecha_hora_completa, n.numero_factura, n.linea",
        {**sellos, "nombre": tienda.nombre},
    )
    if insertados == comparacion.cambios:
        return 0, insertados
    actualizados = changed(
        con,
        f"UPDATE ventas_raw AS v SET {', '.join(f'{c} = n.{c}' for c in columnas)}, fecha_extraccion = $extraida,"
        f" fecha_transformacion = $transformada, fecha_actualizacion = $now"
        f" FROM (SELECT n.* FROM cambios AS n SEMI JOIN previas AS p ON {ITSELF}) AS n"
        f" WHERE {comparacion.mismo} AND {NEAR}",
        {**sellos, **comparacion.rango},
    )
    return actualizados, insertados
