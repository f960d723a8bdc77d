"""Years of sale lines, made by DuckDB itself: what a table looks like to which a run adds its lines.

A line's position in time, its store and its invoice follow from its number alone, so that the table grows by any
number of lines and stays ordered by load time, as a table is that a loader has written half hour by half hour.
"""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TIENDAS = 19
LINES = 103  # of a store in half an hour: 40 million over 19 stores in two years
SLOTS = 28  # half hours of trade in a day, from 07:00 on
A_DAY = TIENDAS * LINES * SLOTS
DAYS = 14
FORTNIGHT = DAYS * A_DAY
FIRST_DAY = date(2023, 11, 20)
STAMPS = ("fecha_carga", "fecha_actualizacion")
# Made once per line; the columns below refer to them.
BASE = f"""
    SELECT i, hash(i) AS h, i // {A_DAY} AS day, i // {TIENDAS * LINES} AS slot, i // {LINES} % {TIENDAS} AS store,
        i % {LINES} AS n, 1 + hash(i, 1) % 12 AS amount, (30 + hash(i, 2) % 4000) / 100.0 AS price,
        236.46 + i // {A_DAY} * 0.4 AS tasa, hash(i, 3) % 3858 AS product
    FROM range($lines) AS t(i)
"""
TIMED = f"""
    SELECT *, DATE '{FIRST_DAY}' + CAST(day AS INTEGER) AS d,
        TIME '07:00:00' + to_seconds(slot % {SLOTS} * 1800 + n * 17 + h % 17) AS t, amount * price AS total
    FROM ({BASE})
"""
VALUES = {
    "numero_factura": f"format('C{{}}-01-{{:08d}}', 10 + n // 4 % 6, slot * {LINES // 4 + 1} + n // 4)",
    "ubicacion_id": "format('tienda_{:02d}', CASE store WHEN 18 THEN 20 ELSE store + 1 END)",
    "ubicacion_nombre": "format('TIENDA {}', store + 1)",
    "linea": "n % 4 + 1",
    "fecha": "d",
    "hora": "t",
    "fecha_hora_completa": "d + t",
    "ano": "strftime(d, '%Y')",
    "mes": "strftime(d, '%m')",
    "dia": "strftime(d, '%d')",
    "dia_semana": "isodow(d) - 1",
    "nombre_dia": "list_value('lunes', 'martes', 'miércoles', 'jueves', 'viernes', 'sábado', 'domingo')[isodow(d)]",
    "nombre_mes": "format('mes {}', month(d))",
    "turno": "CASE WHEN hour(t) < 14 THEN 'mañana' ELSE 'tarde' END",
    "periodo_dia": "CASE WHEN hour(t) < 10 THEN 'apertura' WHEN hour(t) < 16 THEN 'almuerzo' ELSE 'cierre' END",
    "tipo_dia": "CASE WHEN isodow(d) > 5 THEN 'fin_semana' ELSE 'laboral' END",
    "codigo_producto": "format('{:06d}', product)",
    "descripcion_producto": "format('PRODUCTO {} DE {} GR', product, 100 + product % 900)",
    "marca_producto": "format('MARCA {}', product % 211)",
    "modelo_producto": "''",
    "cuadrante_producto": "''",
    "presentacion_producto": "''",
    "categoria_producto": "format('{:03d}', product % 40)",
    "grupo_producto": "format('GRUPO {}', product % 90)",
    "subgrupo_producto": "format('SUBGRUPO {}', product % 300)",
    "categoria_especial": "''",
    "categoria_precio": "''",
    "tipo_venta": "'normal'",
    "cantidad_vendida": "amount",
    "cantidad_bultos": "0",
    "peso_unitario": "CASE WHEN product % 5 = 0 THEN 1.0 ELSE 0.0 END",
    "volumen_unitario": "0",
    "peso_calculado": "CASE WHEN product % 5 = 0 THEN amount ELSE 0 END",
    "peso_total_vendido": "0",
    "volumen_total_vendido": "0",
    "tipo_peso": "CASE WHEN product % 5 = 0 THEN 'KG' ELSE 'UNIDAD' END",
    "costo_unitario": "round(price * 0.7, 6)",
    "precio_unitario": "price",
    "impuesto_porcentaje": "CASE WHEN product % 3 = 0 THEN 16 ELSE 0 END",
    "precio_por_kg": "0",
    "costo_total": "round(total * 0.7, 6)",
    "venta_total": "total",
    "utilidad_bruta": "round(total * 0.3, 6)",
    "margen_bruto_pct": "30",
    "impuesto_total": "CASE WHEN product % 3 = 0 THEN round(total * 0.16, 6) ELSE 0 END",
    "venta_sin_impuesto": "total",
    "es_peso_variable": "product % 5 = 0",
    "producto_alta_rotacion": "false",
    "venta_alto_valor": "total > 50",
    "tamano_transaccion": "CASE WHEN total < 5 THEN 'pequeña' WHEN total < 50 THEN 'mediana' ELSE 'muy_grande' END",
    "fecha_extraccion": "d + t + INTERVAL 30 MINUTE",
    "fecha_transformacion": "d + t + INTERVAL 30 MINUTE",
    "version_transformacion": "'1'",
    "fecha_carga": "d + t + INTERVAL 30 MINUTE",
    "codigo_almacen": "format('APP-T{:02d}', store + 1)",
    "nombre_almacen": "'PISO DE VENTA'",
    "codigo_barras": "format('759{:010d}', product * 7919)",
    "costo_unitario_bs": "round(price * 0.7 * tasa, 6)",
    "precio_unitario_bs": "round(price * tasa, 6)",
    "venta_total_bs": "round(total * tasa, 6)",
    "costo_total_bs": "round(total * 0.7 * tasa, 6)",
    "utilidad_bruta_bs": "round(total * 0.3 * tasa, 6)",
    "tasa_usd": "tasa",
    "total_factura_bs": "round(total * 4 * tasa, 6)",
    "es_no_fiscal": "false",
    "codigo_promocion": "''",
    "fecha_actualizacion": "d + t + INTERVAL 30 MINUTE",
}

MOVED = {
    "numero_factura": "concat('C', 10 + $n, substr(numero_factura, 4))",
    "fecha": "fecha + CAST($days AS INTEGER)",
    "fecha_hora_completa": "fecha_hora_completa + to_days($days)",
    "ano": "CAST(year(fecha + CAST($days AS INTEGER)) AS VARCHAR)",
    "mes": "lpad(CAST(month(fecha + CAST($days AS INTEGER)) AS VARCHAR), 2, '0')",
    "dia": "lpad(CAST(day(fecha + CAST($days AS INTEGER)) AS VARCHAR), 2, '0')",
    **dict.fromkeys(
        ("fecha_extraccion", "fecha_transformacion", "fecha_carga", "fecha_actualizacion"),
        "fecha_carga + to_days($days)",
    ),
}


def text_types(con: "DuckDBPyConnection") -> None:
    """Makes `ventas_raw`, still empty, a table as the old loader left it: text but for the stamps (legacy-db.md)."""
    columns = [name for name, *_ in con.execute("DESCRIBE ventas_raw").fetchall()]
    kinds = ", ".join(f"{name} {'TIMESTAMP' if name in STAMPS else 'VARCHAR'}" for name in columns)
    con.execute(f"CREATE OR REPLACE TABLE ventas_raw ({kinds})")


def fill(con: "DuckDBPyConnection", first: int, last: int, lines: int = FORTNIGHT) -> None:
    """Adds fortnights `first` to before `last`: the first one's lines, moved to their dates, under other numbers.

    `lines`: only so many of each.
    """
    columns = {name: name for name in VALUES} | MOVED
    names, moved = ", ".join(columns), ", ".join(f"{value} AS {name}" for name, value in columns.items())
    values = ", ".join(f"{value} AS {name}" for name, value in VALUES.items())
    con.execute(f"CREATE OR REPLACE TEMP TABLE fortnight AS SELECT {values} FROM ({TIMED})", {"lines": lines})
    for n in range(first, last):
        con.execute(f"INSERT INTO ventas_raw ({names}) SELECT {moved} FROM fortnight", {"n": n, "days": n * DAYS})
    con.execute("DROP TABLE fortnight")


def end(fortnights: int) -> datetime:
    """The midnight (naive, local) after the last line of so many fortnights."""
    return datetime.combine(FIRST_DAY + timedelta(days=fortnights * DAYS), datetime.min.time())
