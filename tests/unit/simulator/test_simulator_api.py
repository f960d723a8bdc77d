"""The routes of the KLK API, over a real socket, against the recorded samples."""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from simulator_client import articulos, call, small_world, ventas

from klk_daemon.simulator import Mundo, Simulador, simulador_en_hilo

# The shapes of /shared/samples: keys of every level; Marca is the one that may be absent.
ARTICULO = {
    "NombreProducto", "Codigo", "Barra", "Categoria", "Descripcion", "Subcategoria",
    "Descripcion_categoria", "Marca", "Precio", "Iva", "stock",
}  # fmt: skip
LINEA = {
    "numero_factura", "fecha", "hora", "fecha_hora_completa", "linea", "producto", "cantidad", "financiero",
    "total_factura", "tasa_usd", "es_no_fiscal", "tiene_promocion", "codigo_promocion",
}  # fmt: skip
PRODUCTO = {
    "codigo_producto", "descripcion_producto", "marca_producto", "modelo_producto", "categoria_producto",
    "grupo_articulo", "subgrupo_producto", "categoria_nombre", "codigo_barras", "serial", "imei",
}  # fmt: skip
CANTIDAD = {
    "codigo_almacen", "nombre_almacen", "cantidad_vendida", "peso_unitario", "peso_bruto", "volumen_unitario",
    "unidad_medida_venta", "factor_unidad_medida", "total_cantidad_por_unidad_medida", "peso_calculado",
}  # fmt: skip
FINANCIERO = {
    "costo_unitario_bs", "costo_unitario_usd", "precio_unitario_bs", "precio_unitario_usd",
    "impuesto_porcentaje", "impuesto_monto", "porcentaje_descuento", "monto_descuento",
    "porcentaje_descuento_fidelizacion", "monto_descuento_fidelizacion", "porcentaje_descuento_forma_pago",
    "monto_descuento_forma_pago", "venta_total_bs", "venta_total_usd", "costo_total_bs", "costo_total_usd",
    "utilidad_bruta_bs", "utilidad_bruta_usd",
}  # fmt: skip
VENTAS_META = {
    "sucursal_codigo", "fecha_desde", "fecha_hasta", "hora_desde", "hora_hasta", "CodArticulo", "almacen",
    "total_registros", "fecha_generacion",
}  # fmt: skip
ALMACEN = {"NombreSucursal", "CodigoSucursal", "CodigoAlmacen", "NombreAlmacen"}


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulador]:
    """A small world that stands at noon."""
    with simulador_en_hilo(small_world()) as running:
        yield running


def test_warehouses_of_all_stores(sim: Simulador) -> None:
    """Every warehouse of every store is listed, inactive ones included, in the sample's shape."""
    rows = call(sim, "GET", "/maestra/almacenes/Reposicion").json
    assert all(set(row) == ALMACEN for row in rows)
    active = {"APP-TPF", "APP-PPF", "APP-TBQ", "TANT", "TTZ"}
    codes = {row["CodigoAlmacen"] for row in rows}
    assert active < codes
    assert {"APP-DPF", "APP-MPF"} < codes


def test_warehouses_of_one_store(sim: Simulador) -> None:
    """`?sucursal=` leaves that store's only; an unknown store has none."""
    rows = call(sim, "GET", "/maestra/almacenes/Reposicion?sucursal=SUC003").json
    assert {row["CodigoSucursal"] for row in rows} == {"SUC003"}
    assert call(sim, "GET", "/maestra/almacenes/Reposicion?sucursal=SUC999").json == []


def test_sales_floors(sim: Simulador) -> None:
    """One warehouse per store, and the pseudo-store CONS."""
    rows = call(sim, "GET", "/maestra/almacenes/pisoventa").json
    assert all(set(row) == ALMACEN for row in rows)
    assert [row["CodigoAlmacen"] for row in rows] == ["CONS", "APP-TPF", "APP-TBQ", "TANT", "TTZ"]


def test_articles_have_the_shape_of_the_sample(sim: Simulador) -> None:
    """All keys but Marca on every row, Marca on most; meta as recorded."""
    answer = call(sim, "POST", "/maestra/articulos/almacen", {"Codigoalmacen": "APP-TPF"}).json
    assert set(answer) == {"meta", "articulos"}
    assert set(answer["meta"]) == {"almacences_filtrados", "total_articulos", "fecha_generacion"}
    assert answer["meta"]["almacences_filtrados"] == '["APP-TPF"]'
    assert answer["meta"]["fecha_generacion"] == "2025-11-18T16:00:00.000Z"
    rows = answer["articulos"]
    assert {frozenset(row) for row in rows} == {frozenset(ARTICULO), frozenset(ARTICULO - {"Marca"})}
    assert len(rows) == 200
    assert len({row["Codigo"] for row in rows}) == 200
    assert all(len(row["Codigo"]) == 6 and row["Codigo"].startswith("0") for row in rows)
    assert any(row["Categoria"] == "N/A" for row in rows)


def test_a_quarter_of_the_stock_is_negative() -> None:
    """About 25 % of a full warehouse is below zero; some quantities are decimal, some are zero."""
    stock = list(Mundo(seed=3).existencias("TANT").values())
    assert len(stock) == 3858
    assert 0.2 < sum(quantity < 0 for quantity in stock) / len(stock) < 0.3
    assert any(quantity == 0 for quantity in stock)
    assert any(quantity % 1 for quantity in stock)


def test_articles_of_a_list_cannot_be_told_apart(sim: Simulador) -> None:
    """A list answers the rows of its warehouses one after the other; repeated codes count once."""
    both = articulos(sim, ["APP-TPF", "TANT", "APP-TPF"])
    assert both == articulos(sim, "APP-TPF") + articulos(sim, "TANT")


def test_unknown_warehouse_is_not_an_error(sim: Simulador) -> None:
    """A wrong code answers 200 with zero articles; so does a right one in another spelling."""
    assert articulos(sim, "APP-XXX") == []
    assert articulos(sim, "app-tpf") == []


def test_other_spelling_of_the_parameter_is_not_seen(sim: Simulador) -> None:
    """`codigoAlmacen` is as good as nothing: an application error, with 200."""
    answer = call(sim, "POST", "/maestra/articulos/almacen", {"codigoAlmacen": "APP-TPF"})
    assert answer.status == 200
    assert set(answer.json) == {"error"}


def test_articles_of_a_store(sim: Simulador) -> None:
    """`reposicion` answers the articles of all warehouses of a store."""
    answer = call(sim, "POST", "/maestra/articulos/reposicion", {"CodigoSucursal": "SUC003"}).json
    assert set(answer) == {"meta", "articulos"}
    assert answer["meta"]["total_articulos"] == len(answer["articulos"]) > 200


def test_older_servers_answer_the_bare_list() -> None:
    """With `lista_desnuda` the article list comes without meta."""
    with simulador_en_hilo(small_world(lista_desnuda=True)) as old:
        rows = call(old, "POST", "/maestra/articulos/almacen", {"Codigoalmacen": "TANT"}).json
    assert isinstance(rows, list)
    assert len(rows) == 200


def test_sale_lines_have_the_shape_of_the_sample(sim: Simulador) -> None:
    """Every level has the recorded keys, and the three parts are one-element arrays."""
    answer = call(
        sim, "POST", "/ventas", {"sucursal": "SUC001", "fecha_desde": "2025-11-17", "fecha_hasta": "2025-11-17"}
    ).json
    assert set(answer) == {"meta", "ventas"}
    assert set(answer["meta"]) == VENTAS_META
    rows = answer["ventas"]
    assert 380 <= answer["meta"]["total_registros"] == len(rows) <= 420
    for row in rows:
        assert set(row) == LINEA
        for name, keys in (("producto", PRODUCTO), ("cantidad", CANTIDAD), ("financiero", FINANCIERO)):
            assert len(row[name]) == 1
            assert set(row[name][0]) == keys
        assert row["fecha_hora_completa"] == f"{row['fecha']}T{row['hora'][:8]}"
    assert {row["cantidad"][0]["codigo_almacen"] for row in rows} == {"APP-TPF", "APP-PPF"}
    assert {"UNIDAD", "KG"} == {row["cantidad"][0]["unidad_medida_venta"] for row in rows}
    assert max(len(row["hora"]) for row in rows) == len("12:19:56.8966141")


def test_amounts_exclude_iva(sim: Simulador) -> None:
    """Tax in Bs is the line total times the rate; the invoice total includes it."""
    invoices: dict[str, list[Any]] = {}
    for row in ventas(sim, "2025-11-17"):
        money = row["financiero"][0]
        tax = money["venta_total_bs"] * money["impuesto_porcentaje"] / 100
        assert money["impuesto_monto"] == pytest.approx(tax, abs=1e-3)
        assert money["venta_total_usd"] == pytest.approx(money["venta_total_bs"] / row["tasa_usd"], abs=1e-5)
        invoices.setdefault(row["numero_factura"], []).append(row)
    for rows in invoices.values():
        assert [row["linea"] for row in rows] == list(range(1, len(rows) + 1))
        parts = [row["financiero"][0] for row in rows]
        total = sum(part["venta_total_bs"] + part["impuesto_monto"] for part in parts)
        assert {row["total_factura"] for row in rows} == {round(total, 2)}


def test_invoice_numbers_repeat_across_stores(sim: Simulador) -> None:
    """klk-api.md, trap 4: two stores use the same numbers for different sales; one store never does."""
    first, second = (ventas(sim, "2025-11-17", sucursal=code) for code in ("SUC001", "SUC002"))
    numbers = [{row["numero_factura"] for row in rows} for rows in (first, second)]
    assert len(numbers[0] & numbers[1]) > 20
    two_days = ventas(sim, "2025-11-16", "2025-11-17")
    assert len({(row["numero_factura"], row["linea"]) for row in two_days}) == len(two_days)


def test_filters_by_warehouse_and_article(sim: Simulador) -> None:
    """`almacen` and `CodArticulo` leave the lines that match; the parameters may come in the query."""
    rows = ventas(sim, "2025-11-17")
    some = [row for row in rows if row["cantidad"][0]["codigo_almacen"] == "APP-PPF"]
    assert ventas(sim, "2025-11-17", almacen="APP-PPF") == some
    code = some[0]["producto"][0]["codigo_producto"]
    mine = [row for row in rows if row["producto"][0]["codigo_producto"] == code]
    assert ventas(sim, "2025-11-17", CodArticulo=code) == mine
    query = f"/ventas?sucursal=SUC001&fecha_desde=2025-11-17&fecha_hasta=2025-11-17&CodArticulo={code}"
    assert call(sim, "POST", query).json["ventas"] == mine


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"sucursal": "SUC001"},
        {"sucursal": "SUC001", "fecha_desde": "17/11/2025", "fecha_hasta": "2025-11-17"},
        {"sucursal": "SUC001", "fecha_desde": "2025-02-30", "fecha_hasta": "2025-11-17"},
        {"sucursal": "SUC001", "fecha_desde": "2025-11-17", "fecha_hasta": "2025-11-17", "hora_desde": "25:00"},
        {"sucursal": "SUC001", "fecha_desde": "1990-11-17", "fecha_hasta": "2025-11-17"},
        {"sucursal": ["SUC001"], "fecha_desde": "2025-11-17", "fecha_hasta": "2025-11-17"},
    ],
)
def test_application_errors_come_with_200(sim: Simulador, asked: dict[str, object]) -> None:
    """Missing or senseless parameters: HTTP 200 and `{"error"}`."""
    answer = call(sim, "POST", "/ventas", asked)
    assert answer.status == 200
    assert set(answer.json) == {"error"}


def test_unknown_store_sells_nothing(sim: Simulador) -> None:
    """An unknown sucursal is answered, with no rows."""
    assert ventas(sim, "2025-11-17", sucursal="SUC999") == []


def test_unknown_routes_and_methods_answer_html(sim: Simulador) -> None:
    """404 for an unknown route, 405 for a wrong method, 400 for a body that is no JSON: pages, not JSON."""
    for status, answer in (
        (404, call(sim, "GET", "/nada<b>")),
        (404, call(sim, "POST", "/maestra/articulos/Almacen", {})),
        (405, call(sim, "GET", "/ventas")),
        (400, call(sim, "POST", "/ventas", b"{sucursal}")),
    ):
        assert answer.status == status
        assert answer.headers["content-type"].startswith("text/html")
        assert b"<b>" not in answer.body


def test_head_answers_no_body(sim: Simulador) -> None:
    """HEAD tells the length of what GET would answer."""
    full = call(sim, "GET", "/maestra/almacenes/pisoventa")
    head = call(sim, "HEAD", "/maestra/almacenes/pisoventa")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(full.body))


def _raw(sim: Simulador, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", sim.port), timeout=10) as sock:
        sock.sendall(data)
        received = b""
        while chunk := sock.recv(65536):
            received += chunk
    return received


def test_requests_are_bounded(sim: Simulador) -> None:
    """An endless header, a body of megabytes and plain nonsense are refused, and the connection is closed."""
    assert b" 431 " in _raw(sim, b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000)[:40]
    body = b" " * (2 << 20)
    head = f"POST /ventas HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with suppress(ConnectionError):  # it may close while the client is still sending
        assert b" 413 " in _raw(sim, head + body)[:40]
    assert b" 400 " in _raw(sim, b"nonsense\r\n\r\n")[:40]


def test_a_connection_serves_many_requests(sim: Simulador) -> None:
    """Keep-alive: pipelined requests are answered in order, the last one closes."""
    one = b"GET /maestra/almacenes/pisoventa HTTP/1.1\r\nHost: x\r\n\r\n"
    last = one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert _raw(sim, one + one + last).count(b"HTTP/1.1 200 ") == 3


def test_rows_are_compact_json(sim: Simulador) -> None:
    """Rows rendered as text are what a JSON writer would write, names with accents included."""
    body = call(sim, "POST", "/maestra/articulos/almacen", {"Codigoalmacen": "TANT"}).body
    again = json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":"))
    assert again.encode() == body
