"""Whatever KLK sends: it loads, or it is put aside, or the answer is refused. Nothing else may happen."""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from duckdb import DuckDBPyConnection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from table_rows import leidas
from wire_rows import ARTICULO, LINEA

from klk_daemon.domain import Job, Lote, Tienda
from klk_daemon.errors import RespuestaDeError, RespuestaInvalida
from klk_daemon.klk import convert, wire
from klk_daemon.klk.answers import parse
from klk_daemon.warehouse import rechazos, schema, stock, ventas
from klk_daemon.warehouse.productos import Catalogo

AHORA = datetime(2025, 11, 17, 12, 35, 4)  # noqa: DTZ001 - a store's wall clock
TIENDA = Tienda("tienda_01", "PERIFERICO", "SUC001", ("APP-TPF",))
LINEA_NOT_NULL = (
    "numero_factura ubicacion_id linea fecha hora fecha_hora_completa ano mes dia dia_semana turno periodo_dia"
    " codigo_producto descripcion_producto cantidad_vendida venta_total venta_sin_impuesto margen_bruto_pct"
    " impuesto_total utilidad_bruta peso_unitario es_peso_variable venta_alto_valor tamano_transaccion fecha_carga"
)
STOCK_NOT_NULL = "ubicacion_id almacen_codigo producto_id codigo_producto cantidad fecha_actualizacion"

raros: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(float("nan"), float("inf"), float("-inf"), 1e300, 1e12, 999999999999.9999, 99999999999999.98, -1e14, 5e-324),
        *(
            0,
            -0.0,
            1e-7,
            0.1 + 0.2,
            10**30,
            -(10**18),
            2**31,
            2**63,
            True,
            False,
            None,
            "",
            " ",
            "N/A",
            "NaN",
            "Infinity",
        ),
        *("\ud800", "\x00", "a\x00b", "\u2028", "é😀", "'; DROP TABLE ventas_raw; --", "null", '{"a": 1}', "x" * 5000),
        *([], {}, [[]], [None], [[[[1]]]], {"codigo_producto": "x"}, ["\ud800"], {"\udfff": "\x00"}),
        *("2025-11-17", "0001-01-01", "9999-12-31", "24:00:00", "12:19:56Z", "2025-11-17T12:19:56+14:00", 1763337600),
    ]
)
valores = raros | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBPyConnection]:
    """A database file with the tables, open for the whole module."""
    path: Path = tmp_path_factory.mktemp("any") / "klk.db"
    with duckdb.connect(str(path)) as con:
        schema.ensure(con, AHORA)
        yield con


@contextmanager
def rolled_back(con: DuckDBPyConnection) -> Iterator[None]:
    """A transaction that leaves nothing behind."""
    con.execute("BEGIN")
    try:
        yield
    finally:
        con.execute("ROLLBACK")


def sitios(fila: dict[str, Any]) -> list[tuple[str, ...]]:
    """Where a row can be changed: every field, and every field of its one-element arrays."""
    dentro = [(k, i) for k, v in fila.items() if isinstance(v, list) for i in v[0]]
    return [*((k,) for k in fila), *dentro]


def cambiada(fila: dict[str, Any], sitio: tuple[str, ...], valor: Any) -> dict[str, Any]:
    """The row with another value there."""
    copia = copy.deepcopy(fila)
    if len(sitio) == 1:
        copia[sitio[0]] = valor
    else:
        copia[sitio[0]][0][sitio[1]] = valor
    return copia


def leer_ventas(fila: Any) -> tuple[Lote, int]:
    """One line through client and conversion: the batch, and how many lines lay outside the window."""
    lote = leidas(fila)
    fuera = 1 - len(lote.filas) - len(lote.rechazos)
    assert fuera in {0, 1}
    return lote, fuera


def sin_nulos(con: DuckDBPyConnection, tabla: str, columnas: str) -> None:
    """No row lacks one of the columns."""
    for c in columnas.split():
        assert con.execute(f"SELECT count(*) FROM {tabla} WHERE {c} IS NULL").fetchone() == (0,), c


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(sitios(LINEA)), valores), min_size=1, max_size=3))
@example([(("financiero", "venta_total_usd"), 999999999999.9999)])
@example([(("cantidad", "cantidad_vendida"), 99999999999999.98)])
@example([(("numero_factura",), "a\x00b")])
def test_any_line_loads_or_is_put_aside(con: DuckDBPyConnection, cambios: list[tuple[tuple[str, ...], Any]]) -> None:
    """A damaged line is loaded with all that readers need, or kept aside; loading it again is nothing."""
    fila: Any = LINEA
    for sitio, valor in cambios:
        try:
            fila = cambiada(fila, sitio, valor)
        except (TypeError, KeyError, IndexError):  # an earlier change took the place away
            continue
    lote, fuera = leer_ventas(fila)
    lineas = ventas.preparar(TIENDA, lote, extraida=AHORA)
    with rolled_back(con):
        (primera,) = ventas.cargar(con, [lineas], now=AHORA)
        rechazos.anotar(con, Job.VENTAS, TIENDA.id, lote.rechazos, AHORA)
        (segunda,) = ventas.cargar(con, [lineas], now=AHORA)
        rechazos.anotar(con, Job.VENTAS, TIENDA.id, lote.rechazos, AHORA)
        assert con.execute("SELECT count(*) FROM ventas_raw").fetchone() == (len(lote.filas),)
        assert con.execute("SELECT veces FROM filas_rechazadas").fetchall() == [(2,)] * len(lote.rechazos)
        sin_nulos(con, "ventas_raw", LINEA_NOT_NULL)
    assert primera.insertados + fuera + len(lote.rechazos) == 1
    assert segunda.sin_cambio == primera.insertados


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(sitios(ARTICULO)), valores), min_size=1, max_size=3))
@example([(("stock",), -99999999999999.98), (("Precio",), 999999999999.9999)])
@example([(("Codigo",), "a\x00b")])
def test_any_article_loads_or_is_put_aside(con: DuckDBPyConnection, cambios: list[tuple[tuple[str, ...], Any]]) -> None:
    """A damaged article is loaded with its key and quantity, or kept in `filas_rechazadas`."""
    fila = ARTICULO
    for sitio, valor in cambios:
        fila = cambiada(fila, sitio, valor)
    respuesta = parse(json.dumps({"articulos": [fila]}).encode(), wire.ARTICULOS, "x")
    lote = convert.articulos("APP-TPF", respuesta)
    assert len(lote.filas) + len(lote.rechazos) == 1
    with rolled_back(con):
        rechazos.anotar(con, Job.INVENTARIO, TIENDA.id, lote.rechazos, AHORA)
        assert con.execute("SELECT count(*) FROM filas_rechazadas").fetchone() == (len(lote.rechazos),)
        if lote.filas:
            for esperado in ("insertados", "sin_cambio"):
                (conteo,) = stock.cargar(
                    con, [stock.preparar(TIENDA, {"APP-TPF": lote.filas})], Catalogo(), min_ratio=0.5, now=AHORA
                )
                assert getattr(conteo, esperado) == 1
            sin_nulos(con, "stock_actual", STOCK_NOT_NULL)
            sin_nulos(con, "productos", "id codigo descripcion categoria")


def test_an_article_of_absurd_value_does_not_fail_its_store(con: DuckDBPyConnection) -> None:
    """A quantity and a price that fit their columns load, whatever their product."""
    articulos = [ARTICULO | {"Codigo": "1", "stock": 1e9, "Precio": 0.5}, ARTICULO]
    lote = convert.articulos("A", parse(json.dumps({"articulos": articulos}).encode(), wire.ARTICULOS, "x"))
    with rolled_back(con):
        snapshot = stock.preparar(TIENDA, {"A": lote.filas})
        (conteo,) = stock.cargar(con, [snapshot], Catalogo(), min_ratio=0.5, now=AHORA)
    assert conteo.insertados == 2


@given(st.lists(st.tuples(st.sampled_from(sitios(LINEA)), valores), max_size=2))
@example([(("numero_factura",), " C10 "), (("producto", "codigo_producto"), " 1\t")])
@example([(("hora",), "23:59:59.9999999")])
def test_one_row_that_is_bad_changes_no_other(cambios: list[tuple[tuple[str, ...], Any]]) -> None:
    """Beside a bad row, which has all rows of its answer read one by one, a line is what it is without."""
    fila: Any = LINEA
    for sitio, valor in cambios:
        with suppress(TypeError, KeyError, IndexError):
            fila = cambiada(fila, sitio, valor)
    alone, _ = leer_ventas(fila)
    lote = leidas(fila, {})
    assert list(lote.filas) == list(alone.filas)
    assert len(lote.rechazos) == len(alone.rechazos) + 1
    assert [*alone.rechazos] == [*lote.rechazos[:-1]]


def rows_or_error(body: bytes, tipo: wire.Tipo[Any]) -> None:
    """Parses; the two errors that the client knows are as good as rows."""
    with suppress(RespuestaInvalida, RespuestaDeError):
        assert isinstance(parse(body, tipo, "x").filas, list)


@settings(max_examples=200)
@given(valores | st.dictionaries(st.sampled_from(["meta", "ventas", "articulos", "error", "x"]), valores))
def test_any_json_is_rows_or_a_known_error(cuerpo: Any) -> None:
    """An answer of any shape ends as rows or as one of the two errors that the client knows."""
    body = json.dumps(cuerpo).encode()
    rows_or_error(body, wire.VENTAS)
    rows_or_error(body, wire.ARTICULOS)


@settings(max_examples=150)
@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_a_known_error(body: bytes) -> None:
    """So does an answer that is no JSON at all."""
    rows_or_error(body, wire.VENTAS)
