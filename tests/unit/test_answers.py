"""An answer's bytes become checked rows, or the error that it is; one bad row costs one row."""

import json
import math
from typing import Any

import pytest
from wire_rows import articulo, cuerpo_articulos, cuerpo_ventas, linea

from klk_daemon.errors import RespuestaDeError, RespuestaInvalida
from klk_daemon.klk import wire
from klk_daemon.klk.answers import Respuesta, parse


def ventas(*filas: Any, total: Any = None) -> Respuesta[Any]:
    """An answer of sales, checked."""
    return parse(cuerpo_ventas(*filas, total=total), wire.VENTAS, "POST /ventas SUC001")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"   ", "not JSON"),
        (b"<html><body>502</body></html>", "not JSON"),
        (cuerpo_ventas(linea())[:-20], "not JSON"),
        (b'{"ventas": []} x', "not JSON"),
        (b"\xff\xfe\xfd", "not JSON"),
        (b'{"ventas": "\xe1"}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"null", "not an object"),
        (b"[]", "not an object"),
        (b'"x"', "not an object"),
        (b"{}", "no list 'ventas'"),
        (b'{"ventas": null}', "no list 'ventas'"),
        (b'{"ventas": {}}', "no list 'ventas'"),
        (b'{"articulos": []}', "no list 'ventas'"),
        (cuerpo_ventas(total=1), "cut short: 0 of 1"),
        (cuerpo_ventas(linea(), total=2), "cut short: 1 of 2"),
        (cuerpo_ventas(linea(), total="2"), "cut short: 1 of 2"),
        (cuerpo_ventas({"bad": 1}, total=2), "cut short: 1 of 2"),
        (cuerpo_ventas(linea(), total=math.inf), "cut short"),
    ],
)
def test_what_is_no_answer(body: bytes, said: str) -> None:
    """A failed request is never "no sales" (klk-api.md, trap 8)."""
    with pytest.raises(RespuestaInvalida, match=said) as e:
        parse(body, wire.VENTAS, "POST /ventas SUC001")
    assert e.value.error_tipo == "respuesta_invalida"
    assert "POST /ventas SUC001" in str(e.value)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("body", [b'{"error": "boom"}', b'{"error": {"x": 1}}', b'{"error": "boom", "ventas": []}'])
def test_an_error_in_a_200(body: bytes) -> None:
    """`{"error": ...}` is a failure, and may pass."""
    with pytest.raises(RespuestaDeError) as e:
        parse(body, wire.VENTAS, "x")
    assert (e.value.error_tipo, e.value.transient) == ("api_error", True)


def test_no_sales_is_an_answer() -> None:
    """An empty list with the total 0 means that nothing was sold."""
    assert ventas().filas == []


@pytest.mark.parametrize("total", [0, 1, -1, None, "1", "x", 1.0, True, math.nan])
def test_more_rows_than_the_total_happen(total: Any) -> None:
    """Doubles; and a total that cannot be read says nothing."""
    body = json.dumps({"meta": {"total_registros": total}, "ventas": [linea(), linea(linea=2)]}).encode()
    assert len(parse(body, wire.VENTAS, "x").filas) == 2


@pytest.mark.parametrize("meta", [None, {}, [], "x", 3])
def test_an_answer_without_a_total(meta: Any) -> None:
    """Nothing to compare with: the rows count."""
    body = json.dumps({"meta": meta, "ventas": [linea()]}).encode()
    assert len(parse(body, wire.VENTAS, "x").filas) == 1


def test_older_servers_answer_with_the_bare_list() -> None:
    """Of articles; for sales it is no answer."""
    body = json.dumps([articulo(), {"Codigo": "x"}]).encode()
    respuesta = parse(body, wire.ARTICULOS, "x")
    assert (len(respuesta.filas), len(respuesta.rechazos)) == (1, 1)


BAD_LINES: list[Any] = [
    linea(numero_factura=None),
    linea(numero_factura=""),
    linea(numero_factura="  "),
    linea(numero_factura={}),
    linea(linea=None),
    linea(linea="N/A"),
    linea(linea=1.5),
    linea(linea=-1),
    linea(linea=10**30),
    linea(linea=2**31),
    linea(fecha=None, hora=None, fecha_hora_completa=None),
    linea(fecha="2025-13-45", hora="27:61:99", fecha_hora_completa="N/A"),
    linea(hora=None, fecha_hora_completa=None),
    linea(hora=43_000, fecha_hora_completa=None),
    linea(fecha=1_763_337_600, fecha_hora_completa=None),
    linea(producto={"codigo_producto": None}),
    linea(producto={"codigo_producto": []}),
    linea(producto={"codigo_producto": " "}),
    linea(cantidad={"cantidad_vendida": None}),
    linea(cantidad={"cantidad_vendida": math.nan}),
    linea(cantidad={"cantidad_vendida": -math.inf}),
    linea(cantidad={"cantidad_vendida": "N/A"}),
    linea(cantidad={"cantidad_vendida": 1e300}),
    linea(financiero={"venta_total_usd": math.inf}),
    linea(financiero={"venta_total_usd": "NaN"}),
    linea(financiero={"venta_total_usd": 1e12}),
    {**linea(), "producto": []},
    {**linea(), "cantidad": None},
    {**linea(), "financiero": {}},
    {**linea(), "financiero": [None]},
    {},
    [],
    None,
    "x",
    7,
]


@pytest.mark.parametrize("mala", BAD_LINES, ids=repr)
def test_a_bad_line_is_put_aside_and_the_others_are_taken(mala: Any) -> None:
    """One bad row costs one row, wherever it stands, and is kept as it came."""
    respuesta = ventas(linea(), mala, linea(linea=2))
    assert [f.linea for f in respuesta.filas] == [1, 2]
    (rechazo,) = respuesta.rechazos
    assert rechazo.motivo
    assert repr(rechazo.fila) == repr(mala)


@pytest.mark.parametrize(
    "mala", [{}, articulo(Codigo=None), articulo(Codigo=" "), articulo(stock=None), articulo(stock=math.nan)], ids=repr
)
def test_a_bad_article_is_put_aside(mala: Any) -> None:
    """An article needs its code and a finite stock."""
    respuesta = parse(cuerpo_articulos(articulo(), mala), wire.ARTICULOS, "x")
    assert (len(respuesta.filas), len(respuesta.rechazos)) == (1, 1)


@pytest.mark.parametrize(
    "rara",
    [
        linea(total_factura="N/A", tasa_usd=math.nan, es_no_fiscal="quizás", codigo_promocion=[1]),
        linea(producto={"marca_producto": {"a": 1}}, cantidad={"peso_unitario": 1e300}),
        linea(financiero={"utilidad_bruta_usd": math.inf, "costo_unitario_bs": "caro"}),
        linea(numero_factura=8064, linea="1", cantidad={"cantidad_vendida": "1.5"}),
        {k: v for k, v in linea().items() if k in {"numero_factura", "linea", "fecha", "hora", "producto"}}
        | {"cantidad": [{"cantidad_vendida": 1}], "financiero": [{"venta_total_usd": 1}]},
    ],
    ids=repr,
)
def test_what_is_not_required_may_be_missing_or_unreadable(rara: Any) -> None:
    """An optional field that cannot be read counts as missing."""
    respuesta = ventas(rara)
    assert (len(respuesta.filas), len(respuesta.rechazos)) == (1, 0)


def test_half_characters_in_an_error_are_mended() -> None:
    """It goes into the ledger, which takes none."""
    with pytest.raises(RespuestaDeError, match="a\ufffdb"):
        parse(b'{"error": "a\\ud800b"}', wire.VENTAS, "x")


@pytest.mark.parametrize(
    ("cambios", "vendida"),
    [
        ({}, "2025-11-17 12:19:56"),
        ({"hora": "23:59:59.9999999"}, "2025-11-17 23:59:59"),
        ({"hora": "00:00:00", "fecha_hora_completa": None}, "2025-11-17 00:00:00"),
        ({"hora": "12:19"}, "2025-11-17 12:19:00"),
        ({"hora": "12:19:57Z"}, "2025-11-17 12:19:57"),
        ({"fecha": "2025-11-16"}, "2025-11-16 12:19:56"),
        ({"fecha": None, "hora": "08:00:00"}, "2025-11-17 08:00:00"),
        ({"hora": None}, "2025-11-17 12:19:56"),
        ({"hora": "24:00:00"}, "2025-11-17 12:19:56"),
        ({"hora": "12"}, "2025-11-17 12:19:56"),
        ({"fecha": "17/11/2025", "hora": "N/A"}, "2025-11-17 12:19:56"),
        ({"fecha": 20251117, "hora": 8}, "2025-11-17 12:19:56"),
        ({"fecha": None, "hora": None, "fecha_hora_completa": "2025-11-18 01:02:03.9999999"}, "2025-11-18 01:02:03"),
    ],
)
def test_when_a_line_was_sold(cambios: dict[str, Any], vendida: str) -> None:
    """`fecha` and `hora`, never rounded up; the third field for either that is missing or cannot be read."""
    (fila,) = ventas(linea(**cambios)).filas
    assert str(fila.vendida) == vendida


@pytest.mark.parametrize(
    ("mala", "motivo"),
    [
        (linea(linea="N/A"), "linea: Expected `int`, got `str`"),
        (linea(numero_factura=" "), "`numero_factura` is empty"),
        (linea(financiero={"venta_total_usd": [1]}), "financiero.venta_total_usd: Expected `float`, got `array`"),
        ({**linea(), "cantidad": [{}]}, "cantidad: Object missing required field `cantidad_vendida`"),
        ({**linea(), "producto": []}, "producto: Expected `array` of length >= 1"),
        ({**linea(), "producto": [7]}, "producto: Expected `object`, got `str`"),
        (linea(hora=[], fecha_hora_completa=None), "hora: Expected `str | null`, got `array`"),
        (
            linea(fecha="N/A", fecha_hora_completa=""),
            "`fecha` and `hora`, or `fecha_hora_completa`, are missing",
        ),
        (7, "Expected `object`, got `str`"),
    ],
)
def test_why_a_line_is_put_aside(mala: Any, motivo: str) -> None:
    """The field, and what is wrong with it as it came."""
    (rechazo,) = ventas(mala).rechazos
    assert rechazo.motivo == motivo


def test_half_characters_are_mended() -> None:
    """JSON allows a lone surrogate, no database does: it becomes the replacement character."""
    (fila,) = ventas(linea(producto={"descripcion_producto": "\ud800x", "marca_producto": "é😀"})).filas
    assert fila.producto[0].descripcion_producto == "\ufffdx"
    assert fila.producto[0].marca_producto == "é😀"


@pytest.mark.parametrize("hondo", [100, 300, 600, 900])
def test_deep_nesting_costs_its_row(hondo: int) -> None:
    """A row nested too deeply is one bad row, or has a field too many: never a crash, never the whole answer."""
    body = cuerpo_ventas(linea(), linea(linea=2, codigo_promocion="@")).replace(b'"@"', b"[" * hondo + b"]" * hondo)
    try:
        respuesta = parse(body, wire.VENTAS, "x")
    except RespuestaInvalida:
        assert hondo >= 900  # deeper than Python's own parser goes
        return
    assert len(respuesta.filas) + len(respuesta.rechazos) == 2
    assert respuesta.filas


@pytest.mark.parametrize("campo", ["total_factura", "linea", "otro"])
def test_a_number_of_five_thousand_digits_costs_its_row_at_most(campo: str) -> None:
    """Python refuses to read such an integer: that must not take the answer along."""
    body = cuerpo_ventas(linea(linea=2), linea() | {campo: "@"}).replace(b'"@"', b"9" * 5000)
    respuesta = parse(body, wire.VENTAS, "x")
    assert [f.linea for f in respuesta.filas] == ([2] if campo == "linea" else [2, 1])
