"""Sale lines that are there several times: the older loader appended the same window again on every retry.

A copy is a line that is equal in everything but the moments at which it was asked for and written; of the copies the
one that was written last stays. Lines with one key that differ in more are left: which of them is right is known to
KLK alone, and `conciliacion` asks it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from duckdb import DuckDBPyConnection

from klk_daemon.errors import BaseFallida
from klk_daemon.warehouse import respaldo
from klk_daemon.warehouse.staging import changed, column_types, count
from klk_daemon.warehouse.ventas import STAMPS

MES = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])")
KEY = "ubicacion_id, numero_factura, linea"
SIN_FECHA = "-"


@dataclass(frozen=True, slots=True)
class Mes:
    """A store's month.

    Attributes:
        mes: `2025-11`, or `-` where the lines tell no date.
        lineas: the rows.
        duplicadas: how many of them are copies that `quitar` removes.
        con_diferencias: how many keys have several lines that differ.
    """

    ubicacion_id: str | None
    mes: str
    lineas: int
    duplicadas: int = 0
    con_diferencias: int = 0


def contar(con: DuckDBPyConnection) -> list[Mes]:
    """Every store's months with their copies, month by month, so that little memory does."""
    columna = "left(CAST(fecha AS VARCHAR), 7)"
    filas: dict[tuple[str | None, str], int] = {}
    for tienda, mes, n in con.execute(
        f"SELECT ubicacion_id, {columna}, count(*) FROM ventas_raw GROUP BY ALL"
    ).fetchall():
        clave = tienda, mes if mes and MES.fullmatch(mes) else SIN_FECHA
        filas[clave] = filas.get(clave, 0) + n
    hallados = {
        (tienda, mes): (duplicadas, diferencias)
        for mes in meses(filas)
        for tienda, duplicadas, diferencias in con.execute(
            f"WITH {_huellas(con)}, versiones AS ("
            f"  SELECT {KEY}, h1, h2, count(*) AS veces FROM huellas GROUP BY ALL"
            f"), lineas AS (SELECT {KEY}, sum(veces) - count(*) AS copias, count(*) AS n FROM versiones GROUP BY ALL)"
            " SELECT ubicacion_id, CAST(sum(copias) AS BIGINT), count(*) FILTER (n > 1) FROM lineas GROUP BY 1",
            _rango(mes),
        ).fetchall()
    }
    return [
        Mes(tienda, mes, n, *hallados.get((tienda, mes), (0, 0)))
        for (tienda, mes), n in sorted(filas.items(), key=lambda item: (item[0][0] or "", item[0][1]))
    ]


def meses(filas: Mapping[tuple[str | None, str], int]) -> Sequence[str]:
    """The months that there are, oldest first; lines without a date are no one's copies."""
    return sorted({mes for _, mes in filas if mes != SIN_FECHA})


def quitar(con: DuckDBPyConnection, mes: str, archivo: Path) -> tuple[int, int]:
    """Removes a month's copies, in the caller's transaction, after setting them aside.

    Args:
        con: an open transaction.
        mes: `2025-11`.
        archivo: the Parquet file for what is removed.

    Returns:
        The month's rows before, and after.

    Raises:
        BaseFallida: not exactly what was set aside was removed; nothing is.
    """
    rango = _rango(mes)
    antes = _filas(con, rango)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE copias AS WITH {_huellas(con)}"
        " SELECT fila FROM (SELECT fila, row_number() OVER ("
        f"  PARTITION BY {KEY}, h1, h2 ORDER BY fecha_carga DESC NULLS LAST, fila DESC) AS n FROM huellas) WHERE n > 1",
        rango,
    )
    if not count(con, "copias"):
        con.execute("DROP TABLE copias")
        return antes, antes
    guardadas = respaldo.exportar(
        con,
        "SELECT v.* FROM ventas_raw AS v SEMI JOIN copias AS c ON c.fila = v.rowid"
        f" WHERE v.fecha >= '{rango['desde']}' AND v.fecha < '{rango['hasta']}'",
        archivo,
    )
    quitadas = changed(
        con,
        "DELETE FROM ventas_raw WHERE fecha >= $desde AND fecha < $hasta AND rowid IN (SELECT fila FROM copias)",
        rango,
    )
    despues = _filas(con, rango)
    if not quitadas == guardadas == count(con, "copias") == antes - despues:
        raise BaseFallida(
            f"{mes}: {antes} lines before, {despues} after, {guardadas} set aside", hint="nothing was removed"
        )
    con.execute("DROP TABLE copias")
    return antes, despues


def _huellas(con: DuckDBPyConnection) -> str:
    """SQL for the rows of the month whose key is there several times, with two hashes of what each says."""
    columnas = [c for c in column_types(con, "ventas_raw") if c not in STAMPS]
    hashes = (f"hash({', '.join(f'v.{c}' for c in orden)})" for orden in (columnas, columnas[::-1]))
    return (
        f"repetidas AS (SELECT {KEY} FROM ventas_raw WHERE fecha >= $desde AND fecha < $hasta"
        " GROUP BY ALL HAVING count(*) > 1),"
        " huellas AS (SELECT v.rowid AS fila, v.ubicacion_id, v.numero_factura, v.linea, v.fecha_carga,"
        f" {', '.join(f'{expresion} AS h{n}' for n, expresion in enumerate(hashes, start=1))}"
        f" FROM ventas_raw AS v SEMI JOIN repetidas USING ({KEY}) WHERE v.fecha >= $desde AND v.fecha < $hasta)"
    )


def _rango(mes: str) -> dict[str, str]:
    """The days of a month, half-open; as text they compare like dates."""
    ano, n = map(int, mes.split("-"))
    siguiente = date(ano + n // 12, n % 12 + 1, 1)
    return {"desde": f"{mes}-01", "hasta": siguiente.isoformat()}


def _filas(con: DuckDBPyConnection, rango: Mapping[str, str]) -> int:
    row = con.execute("SELECT count(*) FROM ventas_raw WHERE fecha >= $desde AND fecha < $hasta", rango).fetchone()
    assert row is not None  # a count is always one row
    return int(row[0])
