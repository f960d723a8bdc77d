"""The answers that came with klk-api.md load as they stand, to the columns and values of legacy-db.md."""

import json
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from klk_daemon.domain import Tienda
from klk_daemon.klk import convert, wire
from klk_daemon.klk.answers import parse
from klk_daemon.warehouse import stock, ventas
from klk_daemon.warehouse.connection import Database
from klk_daemon.warehouse.productos import Catalogo

SAMPLES = Path(__file__).parent / "samples"
AHORA = datetime(2025, 11, 18, 12, 35, 4, 123456)  # noqa: DTZ001 - a store's wall clock


async def una_fila(database: Database, sql: str) -> dict[str, Any]:
    """The one row of a query, by column."""
    done = await database.transaction(lambda con: ((c := con.execute(sql)).description, c.fetchall()))
    descripcion, filas = done.value
    assert descripcion is not None
    (fila,) = filas
    return {columna[0]: valor for columna, valor in zip(descripcion, fila, strict=True)}


async def test_the_sale_line(database: Database, periferico: Tienda, zona: Any) -> None:
    """Every column of `ventas_raw` of the sample's one line, with its value and type."""
    lote = convert.ventas(date(2025, 11, 17), parse((SAMPLES / "ventas.json").read_bytes(), wire.VENTAS, "x"))
    await database.transaction(
        lambda con: ventas.cargar(con, [ventas.preparar(periferico, lote, extraida=AHORA)], now=AHORA)
    )
    d, cero = Decimal, Decimal(0)
    assert await una_fila(database, "SELECT * FROM ventas_raw") == {
        "numero_factura": "C10-01-00008064",
        "ubicacion_id": "tienda_01",
        "ubicacion_nombre": "PERIFERICO",
        "linea": 1,
        "fecha": date(2025, 11, 17),
        "hora": time(12, 19, 56),
        "fecha_hora_completa": datetime(2025, 11, 17, 12, 19, 56),  # noqa: DTZ001
        "ano": "2025",
        "mes": "11",
        "dia": "17",
        "dia_semana": 0,
        "nombre_dia": "Monday",
        "nombre_mes": "November",
        "turno": "mañana",
        "periodo_dia": "media_mañana",
        "tipo_dia": "laboral",
        "codigo_transaccion": "C10-01-00008064",
        "codigo_producto": "001853",
        "descripcion_producto": "NECTAR DE PERA SIN AZUCAR TPA NATULAC 250 ML",
        "marca_producto": "NATULAC",
        "modelo_producto": "",
        "cuadrante_producto": "",
        "presentacion_producto": "",
        "categoria_producto": "NECTARES Y JUGOS",
        "grupo_producto": "BEBIDAS",
        "subgrupo_producto": "NECTAR DE FRUTA",
        "categoria_especial": "",
        "categoria_precio": "",
        "tipo_venta": "normal",
        "cantidad_vendida": d("1.0000"),
        "cantidad_bultos": cero,
        "peso_unitario": cero,
        "volumen_unitario": cero,
        "peso_calculado": cero,
        "peso_total_vendido": cero,
        "volumen_total_vendido": cero,
        "tipo_peso": "UNIDAD",
        "costo_unitario": d(1),
        "precio_unitario": d("0.974138"),
        "impuesto_porcentaje": d(16),
        "precio_por_kg": cero,
        "costo_total": d(1),
        "venta_total": d("0.974138"),
        "utilidad_bruta": d("-0.03"),
        "margen_bruto_pct": d("-3.08"),
        "impuesto_total": d("0.155866"),
        "venta_sin_impuesto": d("0.974138"),
        "es_peso_variable": False,
        "producto_alta_rotacion": False,
        "venta_alto_valor": False,
        "tamano_transaccion": "pequeña",
        "fecha_extraccion": AHORA,
        "fecha_transformacion": AHORA,
        "version_transformacion": "klk_v2",
        "fecha_carga": AHORA,
        "codigo_almacen": "APP-TPF",
        "nombre_almacen": "PISO DE VENTA",
        "codigo_barras": "7592396004005",
        "costo_unitario_bs": d("223.96"),
        "precio_unitario_bs": d("230.35"),
        "impuesto_monto_bs": d("36.856"),
        "venta_total_bs": d("230.35"),
        "costo_total_bs": d("223.96"),
        "utilidad_bruta_bs": d("6.39"),
        "tasa_usd": d("236.46"),
        "total_factura_bs": d("1158.67"),
        "porcentaje_descuento": cero,
        "monto_descuento": cero,
        "porcentaje_descuento_fidelizacion": cero,
        "monto_descuento_fidelizacion": cero,
        "porcentaje_descuento_forma_pago": cero,
        "monto_descuento_forma_pago": cero,
        "es_no_fiscal": False,
        "codigo_promocion": "",
        "fecha_actualizacion": AHORA,
    }


async def test_the_articles(database: Database, periferico: Tienda) -> None:
    """Three articles, one of them without `Marca`, become stock and products."""
    respuesta = parse((SAMPLES / "articulos_almacen.json").read_bytes(), wire.ARTICULOS, "x")
    assert not respuesta.rechazos
    lote = convert.articulos("APP-TPF", respuesta)
    await database.transaction(
        lambda con: stock.cargar(
            con, [stock.preparar(periferico, {"APP-TPF": lote.filas})], Catalogo(), min_ratio=0.5, now=AHORA
        )
    )
    romero = str(uuid5(NAMESPACE_DNS, "producto_000006"))
    fila = await una_fila(database, "SELECT * FROM stock_actual WHERE codigo_producto = '000006'")
    assert {c: v for c, v in fila.items() if v is not None} == {
        "ubicacion_id": "tienda_01",
        "producto_id": romero,
        "cantidad": Decimal("-2.5000"),
        "valor_inventario": Decimal("-14.43"),
        "costo_promedio": Decimal("5.77"),
        "ultima_actualizacion": AHORA,
        "almacen_codigo": "APP-TPF",
        "codigo_producto": "000006",
        "fecha_actualizacion": AHORA,
    }
    producto = await una_fila(database, "SELECT * FROM productos WHERE codigo = '000006'")
    assert {c: v for c, v in producto.items() if v is not None} == {
        "id": romero,
        "codigo": "000006",
        "codigo_barras": "01024",
        "descripcion": "ROMERO KG",
        "categoria": "FRUVER",
        "grupo": "POR PESO",
        "subgrupo": "1",
        "costo_promedio": Decimal("5.77"),
        "precio_venta": Decimal("5.77"),
        "activo": True,
        "es_perecedero": False,
        "created_at": AHORA,
        "updated_at": AHORA,
    }
    sin_nada = await una_fila(database, "SELECT categoria, grupo, subgrupo, marca FROM productos WHERE codigo='000001'")
    assert sin_nada == {"categoria": "SIN CATEGORIA", "grupo": None, "subgrupo": None, "marca": "DRAGOS"}
    assert (await una_fila(database, "SELECT count(*) AS n, sum(cantidad) AS c FROM stock_actual")) == {
        "n": 3,
        "c": Decimal("20.5"),
    }


def test_the_older_servers_bare_list() -> None:
    """The same articles without `meta` around them."""
    articulos = json.loads((SAMPLES / "articulos_almacen.json").read_bytes())["articulos"]
    assert len(parse(json.dumps(articulos).encode(), wire.ARTICULOS, "x").filas) == 3


async def test_types_of_the_tables(database: Database) -> None:
    """Properly typed: dates, times, decimals, integers, flags; no key and no index anywhere."""
    done = await database.transaction(
        lambda con: con.execute("SELECT table_name, column_name, data_type FROM duckdb_columns()").fetchall()
    )
    tipos = {(t, c): tipo for t, c, tipo in done.value}
    for columna, tipo in {
        "fecha": "DATE",
        "hora": "TIME",
        "fecha_hora_completa": "TIMESTAMP",
        "linea": "INTEGER",
        "cantidad_vendida": "DECIMAL(18,4)",
        "venta_total": "DECIMAL(18,6)",
        "tasa_usd": "DECIMAL(18,6)",
        "es_no_fiscal": "BOOLEAN",
        "fecha_carga": "TIMESTAMP",
    }.items():
        assert tipos["ventas_raw", columna] == tipo, columna
    assert tipos["stock_actual", "cantidad"] == "DECIMAL(18,4)"
    llaves = "SELECT (SELECT count(*) FROM duckdb_constraints()) + (SELECT count(*) FROM duckdb_indexes())"
    assert (await database.transaction(lambda con: con.execute(llaves).fetchone())).value == (0,)
