"""Sale lines in the table: each once, changed ones updated, identical ones left alone."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from duckdb import DuckDBPyConnection
from table_rows import leidas
from wire_rows import linea, un_dia

from klk_daemon.domain import Conteo, Lote, Tienda
from klk_daemon.warehouse import ventas

T0 = datetime(2025, 11, 17, 12, 35)  # noqa: DTZ001 - a store's wall clock
T1 = T0 + timedelta(minutes=30)


def convertidas(*filas: dict[str, Any]) -> Lote:
    """Lines through client and conversion, whatever their day."""
    salida: list[Any] = []
    for fila in filas:
        fecha = datetime.fromisoformat(fila["fecha"]).date()
        lote = leidas(fila, ventana=un_dia(fecha))
        salida += [{**lote.comunes, **una} for una in lote.filas]
    return Lote(salida)


def cargar(con: DuckDBPyConnection, tienda: Tienda, *filas: dict[str, Any], now: datetime = T0) -> Conteo:
    """Loads lines at a time."""
    (conteo,) = ventas.cargar(con, [ventas.preparar(tienda, convertidas(*filas), extraida=now)], now=now)
    return conteo


def todo(con: DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """Every row, with its place in the table."""
    return con.execute("SELECT rowid, * FROM ventas_raw ORDER BY rowid").fetchall()


def test_new_lines_are_inserted(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """With the stamps of when they were asked for and written."""
    extraida = T0 - timedelta(seconds=5)
    lineas = ventas.preparar(periferico, convertidas(linea(), linea(linea=2)), extraida=extraida)
    assert ventas.cargar(con, [lineas], now=T0) == [Conteo(extraidos=2, insertados=2)]
    sellos = "fecha_extraccion, fecha_transformacion, fecha_carga, fecha_actualizacion"
    assert con.execute(f"SELECT DISTINCT {sellos} FROM lineas").fetchall() == [(extraida, T0, T0, T0)]


def test_no_line_is_nothing(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """An empty window writes no row."""
    assert cargar(con, periferico) == Conteo()


def test_identical_lines_are_not_rewritten(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """Re-running is harmless: not a byte of the table changes, not even a stamp."""
    raras = linea(
        linea=3, tasa_usd=None, es_no_fiscal=None, financiero={"costo_unitario_bs": 1 / 3, "monto_descuento": 1e-7}
    )
    filas = (linea(), linea(linea=2), raras)
    cargar(con, periferico, *filas)
    antes = todo(con)
    assert cargar(con, periferico, *reversed(filas), now=T1) == Conteo(extraidos=3, sin_cambio=3)
    assert todo(con) == antes


@pytest.mark.parametrize(
    "cambio",
    [
        {"cantidad": {"cantidad_vendida": 2}},
        {"producto": {"codigo_producto": "9"}},
        {"financiero": {"venta_total_usd": 0.974139}},
        {"hora": "12:19:57"},
        {"tasa_usd": None},
        {"es_no_fiscal": True},
        {"codigo_promocion": "P"},
        {"producto": {"descripcion_producto": "otro"}},
    ],
    ids=repr,
)
def test_a_changed_line_is_updated(con: DuckDBPyConnection, periferico: Tienda, cambio: dict[str, Any]) -> None:
    """In its place, with a new `fecha_actualizacion` and the old `fecha_carga`; its neighbours stay as they are."""
    cargar(con, periferico, linea(), linea(linea=2), linea(linea=3))
    antes = todo(con)
    conteo = cargar(con, periferico, linea(**cambio), linea(linea=2), linea(linea=3), now=T1)
    assert conteo == Conteo(extraidos=3, actualizados=1, sin_cambio=2)
    assert conteo.cargados == 1
    assert [a == b for a, b in zip(antes, todo(con), strict=True)] == [False, True, True]
    sellos = con.execute("SELECT fecha_carga, fecha_actualizacion, fecha_extraccion FROM lineas WHERE linea = 1")
    assert sellos.fetchall() == [(T0, T1, T1)]


def test_new_changed_and_identical_together(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """Each is counted as what it is."""
    cargar(con, periferico, linea(), linea(linea=2))
    conteo = cargar(con, periferico, linea(), linea(linea=2, tasa_usd=1), linea(linea=3), now=T1)
    assert conteo == Conteo(extraidos=3, insertados=1, actualizados=1, sin_cambio=1)


def test_invoice_numbers_repeat_across_stores(con: DuckDBPyConnection, periferico: Tienda, bosque: Tienda) -> None:
    """The same number and line in another store is another line (klk-api.md, trap 4)."""
    cargar(con, periferico, linea())
    assert cargar(con, bosque, linea(tasa_usd=7)).insertados == 1
    assert cargar(con, bosque, linea(tasa_usd=8), now=T1).actualizados == 1
    rows = con.execute("SELECT ubicacion_id, ubicacion_nombre, tasa_usd FROM lineas ORDER BY 1").fetchall()
    assert [(i, n, float(t)) for i, n, t in rows] == [("tienda_01", "PERIFERICO", 236.46), ("tienda_08", "BOSQUE", 8)]


def test_several_stores_at_once(con: DuckDBPyConnection, periferico: Tienda, bosque: Tienda) -> None:
    """Each has its own lines, counts and certificates, though their invoices have the same numbers."""
    for tienda in (periferico, bosque):
        cargar(con, tienda, linea(), linea(linea=2))
        con.execute("INSERT INTO dias_certificados VALUES (?, '2025-11-17', 2, 1, 1, ?, NULL)", [tienda.id, T0])
    lotes = [
        ventas.preparar(periferico, convertidas(linea(), linea(linea=2)), extraida=T1),
        ventas.preparar(replace(bosque, id="tienda_17"), Lote([]), extraida=T1),
        ventas.preparar(bosque, convertidas(linea(tasa_usd=1), linea(linea=2), linea(linea=3)), extraida=T0),
    ]
    assert ventas.cargar(con, lotes, now=T1) == [
        Conteo(extraidos=2, sin_cambio=2),
        Conteo(),
        Conteo(extraidos=3, insertados=1, actualizados=1, sin_cambio=1),
    ]
    sellos = "SELECT linea, fecha_extraccion, fecha_actualizacion FROM lineas WHERE ubicacion_id = ? ORDER BY 1"
    assert con.execute(sellos, [periferico.id]).fetchall() == [(1, T0, T0), (2, T0, T0)]
    assert con.execute(sellos, [bosque.id]).fetchall() == [(1, T0, T1), (2, T0, T0), (3, T0, T1)]
    abiertos = con.execute("SELECT ubicacion_id FROM dias_certificados WHERE reabierto IS NOT NULL").fetchall()
    assert abiertos == [(bosque.id,)]


def test_lines_that_another_writer_doubled_are_healed(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """No key keeps it from that: what is read again is there once, the last as it was."""
    cargar(con, periferico, linea(), linea(linea=2))
    con.execute("INSERT INTO ventas_raw SELECT * FROM ventas_raw WHERE CAST(linea AS VARCHAR) = '2'")
    conteo = cargar(con, periferico, linea(), linea(linea=2), now=T1)
    assert conteo == Conteo(extraidos=2, sin_cambio=2, eliminados=1)
    assert con.execute("SELECT count(*) FROM ventas_raw").fetchone() == (2,)


def test_of_copies_that_differ_the_last_is_compared(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """It is updated where it is not what was read, and left alone where it is, whatever the ones before it say."""
    cargar(con, periferico, linea(), linea(linea=2))
    otra = "INSERT INTO ventas_raw SELECT * REPLACE ('otra' AS marca_producto) FROM ventas_raw"
    con.execute(f"{otra} WHERE CAST(linea AS VARCHAR) = '1'")
    con.execute("INSERT INTO ventas_raw SELECT * FROM ventas_raw WHERE CAST(linea AS VARCHAR) = '2'")
    con.execute("UPDATE ventas_raw SET marca_producto = 'otra' WHERE rowid = 1")
    conteo = cargar(con, periferico, linea(), linea(linea=2), now=T1)
    assert conteo == Conteo(extraidos=2, actualizados=1, sin_cambio=1, eliminados=2)
    assert con.execute("SELECT linea FROM lineas WHERE marca_producto <> 'otra' ORDER BY 1").fetchall() == [(1,), (2,)]
    assert cargar(con, periferico, linea(), linea(linea=2)).sin_cambio == 2


def test_lines_of_the_same_transaction_are_found(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """Those that were written in it have places of their own, until it is committed."""
    cargar(con, periferico, linea())
    con.execute("BEGIN")
    cargar(con, periferico, linea(), linea(linea=2), linea(linea=3))
    conteo = cargar(con, periferico, linea(tasa_usd=1), linea(linea=2, tasa_usd=1), linea(linea=3), now=T1)
    con.execute("COMMIT")
    assert conteo == Conteo(extraidos=3, actualizados=2, sin_cambio=1)
    rows = con.execute("SELECT linea, tasa_usd = 1 FROM lineas ORDER BY 1").fetchall()
    assert rows == [(1, True), (2, True), (3, False)]


@pytest.mark.parametrize("fecha", ["2025-11-14", "2025-11-16", "2025-11-18", "2025-11-20"])
def test_a_line_that_moved_to_another_day_is_updated(con: DuckDBPyConnection, periferico: Tienda, fecha: str) -> None:
    """Within three days its older version is found: it moves, and is not doubled."""
    cargar(con, periferico, linea())
    assert cargar(con, periferico, linea(fecha=fecha), now=T1).actualizados == 1
    assert con.execute("SELECT CAST(fecha AS VARCHAR), dia FROM lineas").fetchall() == [(fecha, fecha[-2:])]


def test_a_text_with_everything_in_it(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """Quotes, half an SQL statement and all of Unicode come back as they went in."""
    texto = "O'Higgins \"á\" \\ \x00 😀 '); DROP TABLE ventas_raw; --"
    cargar(con, periferico, linea(numero_factura=texto, producto={"descripcion_producto": texto}))
    # A lake's catalogue is PostgreSQL's, whose text has no zero byte.
    held = texto.replace("\0", "") if con.execute("SELECT current_database()").fetchone() == ("lago",) else texto
    assert con.execute("SELECT numero_factura, descripcion_producto FROM lineas").fetchall() == [(held, held)]
    assert (
        cargar(con, periferico, linea(numero_factura=texto, producto={"descripcion_producto": texto})).sin_cambio == 1
    )


def test_a_failed_transaction_leaves_no_trace(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """All or nothing: after a rollback the next load works, and finds the table as it was."""
    cargar(con, periferico, linea())
    antes = todo(con)
    con.execute("BEGIN")
    cargar(con, periferico, linea(tasa_usd=1), linea(linea=2), now=T1)
    con.execute("ROLLBACK")
    assert todo(con) == antes
    assert cargar(con, periferico, linea(linea=2), now=T1).insertados == 1
