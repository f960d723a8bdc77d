"""A past day made equal to KLK's, and nothing deleted that KLK may still have."""

import json
from datetime import timedelta
from typing import Any

import pytest
from duckdb import DuckDBPyConnection
from table_rows import T1, cargar, certificar, igualar
from wire_rows import linea

from klk_daemon.domain import Conteo, Tienda
from klk_daemon.errors import SnapshotSospechoso
from klk_daemon.warehouse import certificados


def correcciones(con: DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """What was recorded: line, kind, and the rate before and after."""
    rows = con.execute(
        "SELECT linea, tipo, antes, despues FROM ventas_correcciones WHERE run_id = 'r1' ORDER BY linea"
    ).fetchall()
    return [
        (n, tipo, *(None if x is None else float(json.loads(x)["tasa_usd"]) for x in (antes, despues)))
        for n, tipo, antes, despues in rows
    ]


def test_adds_updates_and_deletes(con: DuckDBPyConnection, periferico: Tienda, bosque: Tienda) -> None:
    """Each difference is recorded as it was and as it is; other stores and days stay."""
    cargar(con, bosque, linea())
    cargar(con, periferico, linea(linea=1), linea(linea=2), linea(linea=3))
    assert igualar(con, periferico, linea(linea=1), linea(linea=2, tasa_usd=1), linea(linea=4)) == Conteo(
        extraidos=3, insertados=1, actualizados=1, sin_cambio=1, eliminados=1
    )
    assert correcciones(con) == [
        (2, "actualizada", 236.46, 1),
        (3, "eliminada", 236.46, None),
        (4, "agregada", None, 236.46),
    ]
    rows = con.execute("SELECT ubicacion_id, linea FROM lineas ORDER BY ALL").fetchall()
    assert rows == [("tienda_01", 1), ("tienda_01", 2), ("tienda_01", 4), ("tienda_08", 1)]


def test_too_few_lines_are_refused(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """Under half of what is held, the day is left as it is."""
    cargar(con, periferico, *(linea(linea=n) for n in range(1, 6)))
    with pytest.raises(SnapshotSospechoso):
        igualar(con, periferico, linea(linea=1), linea(linea=2))
    assert con.execute("SELECT count(*) FROM lineas").fetchone() == (5,)


def test_an_equal_day_is_certified_and_a_change_reopens_it(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """Once, with its figures."""
    filas = (linea(), linea(linea=2))
    cargar(con, periferico, *filas)
    for _ in range(2):
        assert certificar(con, periferico, *filas)
    ((uno,)) = certificados.leer(con)
    assert (uno.lineas, uno.facturas, float(uno.venta_total), uno.reabierto) == (2, 1, 1.948276, None)
    cargar(con, periferico, linea(linea=3), now=T1)
    assert certificados.leer(con)[0].reabierto == T1
    assert not certificar(con, periferico, *filas)


def test_an_unreadable_line_is_not_taken_for_annulled(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """KLK still has it: only its quantity cannot be read today."""
    cargar(con, periferico, linea(), linea(linea=2))
    assert igualar(con, periferico, linea(), linea(linea=2, cantidad={"cantidad_vendida": None})).eliminados == 0


@pytest.mark.parametrize(
    "ilegible",
    [
        linea(linea=None),
        linea(numero_factura=None, linea=2),
        linea(linea=2.0, cantidad={"cantidad_vendida": None}),
        None,
    ],
    ids=repr,
)
def test_a_line_that_an_unreadable_row_may_be_is_not_deleted(
    con: DuckDBPyConnection, periferico: Tienda, ilegible: Any
) -> None:
    """A row whose key cannot be read may be any line of the day: then nothing is taken for annulled."""
    cargar(con, periferico, linea(), linea(linea=2))
    assert igualar(con, periferico, linea(), ilegible).eliminados == 0


def test_a_line_that_came_after_the_answer_is_not_deleted(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """A catch-up of `ventas` commits a late line between conciliacion's request and its transaction."""
    cargar(con, periferico, linea())
    cargar(con, periferico, linea(linea=2), now=T1)
    assert igualar(con, periferico, linea(), pedida=T1 - timedelta(seconds=30)).eliminados == 0


def test_a_day_of_which_nothing_is_held(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """All of it is added, and recorded; a day without lines on either side is nothing."""
    assert igualar(con, periferico) == Conteo()
    assert igualar(con, periferico, linea(), linea(linea=2)) == Conteo(extraidos=2, insertados=2)
    assert correcciones(con) == [(1, "agregada", None, 236.46), (2, "agregada", None, 236.46)]
