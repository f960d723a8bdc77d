"""Every derived column of legacy-db.md, by example."""

from datetime import date, time
from typing import Any

import pytest
from table_rows import leidas
from wire_rows import articulo, cuerpo_articulos, linea, un_dia

from klk_daemon.klk import convert, wire
from klk_daemon.klk.answers import parse


def vendida(fila: dict[str, Any]) -> dict[str, Any]:
    """One line, converted."""
    fecha = date.fromisoformat(fila.get("fecha") or fila["fecha_hora_completa"][:10])
    lote = leidas(fila, ventana=un_dia(fecha))
    (una,) = lote.filas
    return {**lote.comunes, **una}


def guardado(fila: dict[str, Any]) -> dict[str, Any]:
    """One article, converted."""
    (uno,) = convert.articulos("APP-TPF", parse(cuerpo_articulos(fila), wire.ARTICULOS, "x")).filas
    return dict(uno)


TURNOS = ["noche"] * 6 + ["mañana"] * 8 + ["tarde"] * 8 + ["noche"] * 2
PERIODOS = (
    ["fuera_horario"] * 6
    + ["apertura"] * 4
    + ["media_mañana"] * 3
    + ["almuerzo"] * 3
    + ["tarde"] * 3
    + ["cierre"] * 3
    + ["fuera_horario"] * 2
)


@pytest.mark.parametrize("hora", range(24))
@pytest.mark.parametrize("minuto", ["00:00", "59:59.9999999"])
def test_shift_and_part_of_the_day(hora: int, minuto: str) -> None:
    """Each of the 24 hours has its shift and its part of the day, from its first second to its last."""
    fila = vendida(linea(hora=f"{hora:02}:{minuto}"))
    assert (fila["turno"], fila["periodo_dia"]) == (TURNOS[hora], PERIODOS[hora])


@pytest.mark.parametrize(
    ("fecha", "numero", "dia", "mes", "tipo"),
    [
        ("2025-11-17", 0, "Monday", "November", "laboral"),
        ("2025-11-18", 1, "Tuesday", "November", "laboral"),
        ("2025-12-31", 2, "Wednesday", "December", "laboral"),
        ("2026-01-01", 3, "Thursday", "January", "laboral"),
        ("2025-02-28", 4, "Friday", "February", "laboral"),
        ("2025-11-22", 5, "Saturday", "November", "fin_semana"),
        ("2025-11-23", 6, "Sunday", "November", "fin_semana"),
    ],
)
def test_calendar(fecha: str, numero: int, dia: str, mes: str, tipo: str) -> None:
    """0 is Monday; names are English; parts of the date keep their zeros."""
    fila = vendida(linea(fecha=fecha, fecha_hora_completa=None))
    assert (fila["dia_semana"], fila["nombre_dia"], fila["nombre_mes"], fila["tipo_dia"]) == (numero, dia, mes, tipo)
    assert (fila["ano"], fila["mes"], fila["dia"]) == tuple(fecha.split("-"))


def test_seven_decimals_of_a_second() -> None:
    """`hora` is cut to the second, never rounded into the next."""
    fila = vendida(linea(hora="23:59:59.9999999"))
    assert (fila["fecha"], fila["hora"]) == ("2025-11-17", "23:59:59")
    assert fila["fecha_hora_completa"] == "2025-11-17T23:59:59"


@pytest.mark.parametrize(
    "faltan",
    [{"fecha_hora_completa": None}, {"fecha": None}, {"hora": None}, {"fecha": None, "hora": None}],
)
def test_one_way_of_telling_the_time_is_enough(faltan: dict[str, Any]) -> None:
    """`fecha` and `hora`, or `fecha_hora_completa` for what is missing of them."""
    assert vendida(linea(**faltan))["fecha_hora_completa"] == "2025-11-17T12:19:56"


@pytest.mark.parametrize("ilegible", ["", "N/A", "2025-13-45T27:61:99", 17, {}])
def test_an_unreadable_fecha_hora_completa_beside_good_ones_counts_as_missing(ilegible: Any) -> None:
    """A line needs a date and a time, which `fecha` and `hora` tell; anything else may be missing."""
    assert vendida(linea(fecha_hora_completa=ilegible))["fecha_hora_completa"] == "2025-11-17T12:19:56"


@pytest.mark.parametrize(
    ("total", "tamano", "alto"),
    [
        (-3, "pequeña", False),
        (0, "pequeña", False),
        (4.999999, "pequeña", False),
        (5, "mediana", False),
        (19.99, "mediana", False),
        (20, "grande", False),
        (49.99, "grande", False),
        (50, "muy_grande", False),
        (50.000001, "muy_grande", True),
    ],
)
def test_size_of_a_line(total: float, tamano: str, alto: bool) -> None:
    """Limits belong to the larger size; `venta_alto_valor` is more than 50."""
    fila = vendida(linea(financiero={"venta_total_usd": total}))
    assert (fila["tamano_transaccion"], fila["venta_alto_valor"]) == (tamano, alto)


@pytest.mark.parametrize(
    ("utilidad", "total", "margen"),
    [(2, 8, 25.0), (1, 3, 33.33), (-0.03, 0.974138, -3.08), (5, 0, 0.0), (None, 8, 0.0), (-2, -8, 25.0)],
)
def test_margin(utilidad: float | None, total: float, margen: float) -> None:
    """Share of the total in percent, 2 decimals; 0 where nothing was taken."""
    fila = vendida(linea(financiero={"utilidad_bruta_usd": utilidad, "venta_total_usd": total}))
    assert fila["margen_bruto_pct"] == margen


def test_tax_is_converted_and_never_subtracted() -> None:
    """`impuesto_total` is `impuesto_monto` in USD; the total excludes it already."""
    fila = vendida(linea(tasa_usd=200, financiero={"impuesto_monto": 36.856, "venta_total_usd": 10}))
    assert fila["impuesto_total"] == 0.18428
    assert fila["venta_sin_impuesto"] == fila["venta_total"] == 10
    assert fila["impuesto_monto_bs"] == 36.856


@pytest.mark.parametrize("tasa", [0, None, 5e-324])
def test_without_a_rate_there_is_no_tax_in_usd(tasa: float | None) -> None:
    """No rate, or an absurd one, is no division by zero."""
    assert vendida(linea(tasa_usd=tasa))["impuesto_total"] == 0.0


@pytest.mark.parametrize(
    ("unidad", "tipo", "variable"),
    [("UNIDAD", "UNIDAD", False), ("KG", "KG", True), (None, "UNIDAD", False), ("", "UNIDAD", False)],
)
def test_unit(unidad: str | None, tipo: str, variable: bool) -> None:
    """The unit's default is UNIDAD; only KG is sold by weight."""
    fila = vendida(linea(cantidad={"unidad_medida_venta": unidad}))
    assert (fila["tipo_peso"], fila["es_peso_variable"]) == (tipo, variable)


def test_usd_and_bs_are_kept_apart() -> None:
    """Columns without a suffix are the `_usd` fields, the `_bs` ones the others."""
    dinero = {f"{campo}_{m}": n for n, (campo, m) in enumerate(
        (c, m) for c in ("costo_unitario", "precio_unitario", "venta_total", "costo_total", "utilidad_bruta")
        for m in ("usd", "bs")
    )}  # fmt: skip
    fila = vendida(linea(financiero=dinero))
    for campo in ("costo_unitario", "precio_unitario", "venta_total", "costo_total", "utilidad_bruta"):
        assert fila[campo] == dinero[f"{campo}_usd"], campo
        assert fila[f"{campo}_bs"] == dinero[f"{campo}_bs"], campo
    assert (fila["total_factura_bs"], fila["tasa_usd"]) == (1158.67, 236.46)


def test_names_and_constants() -> None:
    """Group from `grupo_articulo`, the code of the transaction, the constants, and nothing for what KLK lacks."""
    fila = vendida(linea())
    assert fila["categoria_producto"] == "NECTARES Y JUGOS"
    assert (fila["grupo_producto"], fila["subgrupo_producto"]) == ("BEBIDAS", "NECTAR DE FRUTA")
    assert fila["codigo_transaccion"] == fila["numero_factura"] == "C10-01-00008064"
    assert (fila["tipo_venta"], fila["version_transformacion"]) == ("normal", "klk_v2")
    assert fila["producto_alta_rotacion"] is False
    assert fila["cuadrante_producto"] == fila["presentacion_producto"] == fila["categoria_precio"] == ""
    assert fila["cantidad_bultos"] == fila["precio_por_kg"] == 0.0


def test_missing_text_of_a_line_is_empty() -> None:
    """Readers of `ventas_raw` expect empty text, not NULL."""
    fila = vendida(linea(producto={"categoria_producto": None, "marca_producto": "N/A", "grupo_articulo": " "}))
    assert fila["categoria_producto"] == fila["marca_producto"] == fila["grupo_producto"] == ""


def test_doubles_of_a_line_collapse_and_the_last_wins() -> None:
    """The same key twice in one answer is one row (klk-api.md, trap 5)."""
    filas = leidas(
        linea(cantidad={"cantidad_vendida": 1}), linea(linea=2), linea(cantidad={"cantidad_vendida": 7})
    ).filas
    assert {f["linea"]: f["cantidad_vendida"] for f in filas} == {1: 7, 2: 1}
    assert len(filas) == 2


def test_lines_outside_the_window_are_left_out() -> None:
    """Half-open: `desde` belongs to it, `hasta` and other days do not."""
    ventana = un_dia(desde=time(12, 0), hasta=time(12, 30))
    horas = {"a": "11:59:59.9", "b": "12:00:00", "c": "12:29:59.9999999", "d": "12:30:00"}
    filas = [linea(numero_factura=n, hora=h) for n, h in horas.items()]
    filas.append(linea(numero_factura="e", fecha="2025-11-16", hora="12:10:00"))
    lote = leidas(*filas, ventana=ventana)
    assert {f["numero_factura"] for f in lote.filas} == {"b", "c"}


def test_missing_texts_of_an_article() -> None:
    """`N/A` and empty are NULL, but the category is SIN CATEGORIA and the name falls back on the code."""
    fila = guardado(
        {"Codigo": " 000001 ", "stock": 0, "Barra": "N/A", "Descripcion": "N/A", "Subcategoria": "", "Marca": " n/a "}
    )
    assert fila["codigo_producto"] == "000001"
    assert fila["descripcion"] == "000001"
    assert fila["categoria"] == "SIN CATEGORIA"
    assert fila["codigo_barras"] is fila["subgrupo"] is fila["grupo"] is fila["marca"] is fila["precio"] is None


def test_an_article_as_sent() -> None:
    """Category and group from the names, not from the numbers; negative stock is kept."""
    fila = guardado(articulo())
    assert (fila["categoria"], fila["grupo"], fila["subgrupo"]) == ("FRUVER", "POR PESO", "1")
    assert (fila["precio"], fila["cantidad"], fila["almacen_codigo"]) == (5.77, -2.5, "APP-TPF")


def test_a_long_name_is_cut() -> None:
    """`productos.descripcion` holds 200 characters."""
    assert guardado(articulo(NombreProducto="Ñ" * 300))["descripcion"] == "Ñ" * 200


def test_doubles_of_an_article_collapse_and_the_last_wins() -> None:
    """The same code twice in one answer is one row."""
    respuesta = parse(cuerpo_articulos(articulo(stock=1), articulo(stock=9)), wire.ARTICULOS, "x")
    assert [f["cantidad"] for f in convert.articulos("A", respuesta).filas] == [9]
