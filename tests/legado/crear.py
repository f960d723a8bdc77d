"""Makes a database of the older pipeline. Runs under DuckDB 1.0, by itself: `python crear.py FILE OPTIONS`.

OPTIONS is JSON: `vacia` (without a row), `lineas` (how many synthetic lines), `reales` (a JSON file of rows for
`ventas_raw`, all of text), `extra` (SQL to be run at the end). Prints what was made, as JSON: `meses`, a list of store,
month, lines, copies, keys whose lines differ.
"""

import json
import sys
from typing import Any

import duckdb

COLUMNS = (
    "numero_factura, ubicacion_id, ubicacion_nombre, linea, fecha, hora, fecha_hora_completa, ano, mes, dia, "
    "dia_semana, nombre_dia, nombre_mes, turno, periodo_dia, tipo_dia, codigo_transaccion, codigo_producto, "
    "descripcion_producto, marca_producto, modelo_producto, cuadrante_producto, presentacion_producto, "
    "categoria_producto, grupo_producto, subgrupo_producto, categoria_especial, categoria_precio, tipo_venta, "
    "cantidad_vendida, cantidad_bultos, peso_unitario, volumen_unitario, peso_calculado, peso_total_vendido, "
    "volumen_total_vendido, tipo_peso, costo_unitario, precio_unitario, impuesto_porcentaje, precio_por_kg, "
    "costo_total, venta_total, utilidad_bruta, margen_bruto_pct, impuesto_total, venta_sin_impuesto, "
    "es_peso_variable, producto_alta_rotacion, venta_alto_valor, tamano_transaccion, fecha_extraccion, "
    "fecha_transformacion, version_transformacion"
)
TEXT = COLUMNS.split(", ")
TABLES = (
    """CREATE TABLE ubicaciones (
        id VARCHAR PRIMARY KEY, codigo VARCHAR UNIQUE NOT NULL, nombre VARCHAR NOT NULL, tipo VARCHAR NOT NULL,
        region VARCHAR, ciudad VARCHAR, direccion VARCHAR, latitud DOUBLE, longitud DOUBLE, superficie_m2 DOUBLE,
        capacidad_actual DOUBLE, capacidad_maxima DOUBLE, horario_apertura TIME, horario_cierre TIME,
        activo BOOLEAN DEFAULT true, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
        updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP)""",
    """CREATE TABLE productos (
        id VARCHAR PRIMARY KEY, codigo VARCHAR(50) UNIQUE NOT NULL, codigo_barras VARCHAR,
        descripcion VARCHAR(200) NOT NULL, categoria VARCHAR, grupo VARCHAR, subgrupo VARCHAR, marca VARCHAR,
        modelo VARCHAR, presentacion VARCHAR, costo_promedio DECIMAL(12,4), precio_venta DECIMAL(12,4),
        stock_minimo INTEGER, stock_maximo INTEGER, activo BOOLEAN DEFAULT true, es_perecedero BOOLEAN DEFAULT false,
        dias_vencimiento INTEGER, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
        updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, conjunto_sustituible VARCHAR)""",
    """CREATE TABLE stock_actual (
        ubicacion_id VARCHAR, producto_id VARCHAR, cantidad DECIMAL(12,4), valor_inventario DECIMAL(18,2),
        costo_promedio DECIMAL(12,4), ultima_entrada TIMESTAMP, ultima_salida TIMESTAMP,
        ultima_actualizacion TIMESTAMP DEFAULT CURRENT_TIMESTAMP, stock_minimo DECIMAL(12,4),
        stock_maximo DECIMAL(12,4), dias_sin_movimiento INTEGER, almacen_codigo VARCHAR,
        PRIMARY KEY (ubicacion_id, producto_id), FOREIGN KEY (ubicacion_id) REFERENCES ubicaciones (id),
        FOREIGN KEY (producto_id) REFERENCES productos (id))""",
    "CREATE INDEX idx_stock_ubicacion ON stock_actual (ubicacion_id)",
    "CREATE INDEX idx_stock_producto ON stock_actual (producto_id)",
    "CREATE TABLE facturas (id INTEGER PRIMARY KEY, ubicacion_id VARCHAR REFERENCES ubicaciones (id), total DOUBLE)",
    """CREATE TABLE items_facturas (factura_id INTEGER REFERENCES facturas (id),
        producto_id VARCHAR REFERENCES productos (id), cantidad DOUBLE)""",
    """CREATE TABLE movimientos_inventario (id INTEGER PRIMARY KEY, producto_id VARCHAR REFERENCES productos (id),
        cantidad DOUBLE)""",
    f"""CREATE TABLE ventas_raw ({", ".join(f"{column} VARCHAR" for column in TEXT)},
        fecha_carga TIMESTAMP DEFAULT CURRENT_TIMESTAMP)""",
    "CREATE SEQUENCE seq_etl_ejecuciones START 1",
    """CREATE TABLE etl_ejecuciones (
        id INTEGER PRIMARY KEY DEFAULT nextval('seq_etl_ejecuciones'), etl_tipo VARCHAR NOT NULL,
        ubicacion_id VARCHAR, ubicacion_nombre VARCHAR, fecha_inicio TIMESTAMP, fecha_fin TIMESTAMP,
        duracion_segundos DOUBLE, fecha_desde DATE, fecha_hasta DATE, hora_desde TIME, hora_hasta TIME,
        estado VARCHAR, registros_extraidos INTEGER, registros_cargados INTEGER, error_mensaje VARCHAR,
        error_tipo VARCHAR, modo VARCHAR, version_etl VARCHAR, host VARCHAR)""",
    "CREATE INDEX idx_etl_tipo ON etl_ejecuciones (etl_tipo, ubicacion_id)",
    "CREATE INDEX idx_etl_inicio ON etl_ejecuciones (fecha_inicio)",
    "CREATE INDEX idx_etl_estado ON etl_ejecuciones (estado)",
)
VIEWS = (
    """CREATE VIEW v_ultimas_ejecuciones AS SELECT * FROM etl_ejecuciones
        WHERE id IN (SELECT max(id) FROM etl_ejecuciones GROUP BY etl_tipo, ubicacion_id)""",
    """CREATE VIEW v_gaps_por_recuperar AS SELECT e.ubicacion_id, e.etl_tipo, e.fecha_desde, e.fecha_hasta,
        e.hora_desde, e.hora_hasta, e.error_tipo FROM etl_ejecuciones AS e WHERE e.estado = 'fallido' AND NOT EXISTS (
        SELECT 1 FROM etl_ejecuciones AS x WHERE x.estado = 'exitoso' AND x.ubicacion_id = e.ubicacion_id
        AND x.fecha_desde = e.fecha_desde AND x.hora_desde = e.hora_desde)""",
    """CREATE VIEW v_metricas_confiabilidad AS SELECT etl_tipo, estado, count(*) AS corridas,
        avg(duracion_segundos) AS promedio FROM etl_ejecuciones GROUP BY ALL""",
    """CREATE VIEW v_stock AS SELECT s.*, p.codigo AS codigo_producto, p.descripcion
        FROM stock_actual AS s JOIN productos AS p ON p.id = s.producto_id""",
    "CREATE VIEW v_ventas AS SELECT * FROM ventas_raw WHERE venta_total IS NOT NULL",
    'CREATE VIEW "v por dia" (tienda, dia, lineas) AS SELECT ubicacion_id, fecha, count(*) FROM v_ventas GROUP BY ALL',
)
ROWS = (
    """INSERT INTO ubicaciones (id, codigo, nombre, tipo) VALUES ('tienda_01', '001', 'Periférico', 'tienda'),
        ('tienda_08', '008', 'Bosque', 'tienda'), ('tienda_17', 'SUC005', 'Artigas', 'tienda'),
        ('cedi', 'cedi', 'CEDI', 'almacen')""",
    # Ids of an older source; the codes are those of the simulator's catalogue.
    """INSERT INTO productos (id, codigo, descripcion, costo_promedio, precio_venta, created_at, updated_at)
        SELECT 'viejo-' || i, lpad(CAST(i AS VARCHAR), 6, '0'), 'PRODUCTO ' || i, 1.5, 4, TIMESTAMP '2024-01-01',
        TIMESTAMP '2024-01-01' FROM range(1, 301) AS r(i)""",
    # Of the two warehouses of tienda_01 one has overwritten the other; half of the articles are sold no more.
    """INSERT INTO stock_actual (ubicacion_id, producto_id, cantidad, valor_inventario, costo_promedio,
        ultima_actualizacion, almacen_codigo) SELECT u.id, p.id, 5, 20, 4,
        CASE WHEN p.codigo <= '000030' THEN TIMESTAMP '2025-10-17 12:00:00' ELSE TIMESTAMP '2025-03-01' END,
        CASE u.id WHEN 'tienda_01' THEN 'APP-PPF' WHEN 'tienda_08' THEN 'APP-TBQ' END
        FROM ubicaciones AS u, productos AS p WHERE u.tipo = 'tienda' AND p.codigo <= '000060' AND p.id <> 'viejo-9'""",
    "INSERT INTO facturas SELECT i, 'tienda_01', i / 3 FROM range(100) AS r(i)",
    "INSERT INTO items_facturas SELECT i % 100, 'viejo-' || (i % 300 + 1), 1 FROM range(600) AS r(i)",
    "INSERT INTO movimientos_inventario SELECT i, 'viejo-' || (i % 300 + 1), -1 FROM range(600) AS r(i)",
    """INSERT INTO etl_ejecuciones (etl_tipo, ubicacion_id, ubicacion_nombre, fecha_inicio, fecha_fin,
        duracion_segundos, fecha_desde, fecha_hasta, hora_desde, hora_hasta, estado, registros_extraidos,
        registros_cargados, error_tipo, modo, version_etl, host)
        SELECT CASE WHEN i % 2 = 0 THEN 'ventas' ELSE 'inventario' END, 'tienda_0' || CASE WHEN i % 4 < 2 THEN 1 ELSE 8
        END, 'x', t, CASE WHEN i % 97 <> 0 THEN t + INTERVAL 40 SECOND END, 40, CAST(t AS DATE), CAST(t AS DATE),
        CAST(t AS TIME), CAST(t AS TIME), CASE WHEN i % 97 = 0 THEN 'en_proceso' WHEN i % 10 = 0 THEN 'fallido'
        ELSE 'exitoso' END, 10, 10, CASE WHEN i % 10 = 0 THEN 'timeout' END, 'incremental_30min', '1', 'viejo'
        FROM (SELECT i, TIMESTAMP '2025-10-01' + INTERVAL 30 MINUTE * i AS t FROM range(1000) AS r(i))""",
)
# Of each line, where it is not the same text in all.
VALUES = {
    "numero_factura": "'C' || lpad(CAST(i // 12 AS VARCHAR), 9, '0')",
    "ubicacion_id": "list_extract(['tienda_01', 'tienda_08', 'tienda_17', 'cedi'], i % 4 + 1)",
    "linea": "CAST(i % 12 // 4 + 1 AS VARCHAR)",
    "fecha": "strftime(t, '%Y-%m-%d')",
    "hora": "strftime(t, '%H:%M:%S')",
    "fecha_hora_completa": "strftime(t, '%Y-%m-%dT%H:%M:%S')",
    "ano": "strftime(t, '%Y')",
    "mes": "strftime(t, '%m')",
    "dia": "strftime(t, '%d')",
    "codigo_producto": "lpad(CAST(i % 300 + 1 AS VARCHAR), 6, '0')",
    "descripcion_producto": "'PRODUCTO ' || (i % 300 + 1)",
    "cantidad_vendida": "'1.0'",
    "venta_total": "CAST(i % 997 / 8.0 AS VARCHAR)",
    "impuesto_total": "'37.5'",
    "es_peso_variable": "'false'",
    "fecha_extraccion": "strftime(t, '%Y-%m-%d %H:%M:%S.123456')",
    "version_transformacion": "'klk_v1'",
}
# A window that the old loader appended again: store, first day, day after the last, how many times.
WINDOWS = (("tienda_01", "2024-03-10", "2024-03-21", 1), ("tienda_08", "2024-05-28", "2024-06-03", 2))
DIFFERENT = ("tienda_08", "2024-03-15", "2024-03-17")


def lines(con: duckdb.DuckDBPyConnection, n: int) -> list[list[Any]]:
    """Synthetic lines of nearly two years, some of them there several times; what each store's month holds."""
    values = ", ".join(VALUES.get(column, f"'{column[:6]}'") for column in TEXT)
    con.execute(
        f"INSERT INTO ventas_raw SELECT {values}, t + INTERVAL 10 MINUTE"
        f" FROM (SELECT i, TIMESTAMP '2024-01-01' + to_seconds(i * {58_000_000 // n}) AS t FROM range({n}) AS r(i))"
    )
    where = "ubicacion_id = ? AND fecha >= ? AND fecha < ?"
    months = "SELECT ubicacion_id, fecha[:7], count(*) FROM ventas_raw"
    found = {(store, month): [count, 0, 0] for store, month, count in con.execute(f"{months} GROUP BY ALL").fetchall()}
    for *window, times in WINDOWS:
        for store, month, count in con.execute(f"{months} WHERE {where} GROUP BY ALL", window).fetchall():
            found[store, month][0] += times * count
            found[store, month][1] += times * count
        for again in range(times):
            con.execute(
                "INSERT INTO ventas_raw SELECT * REPLACE (fecha_extraccion || '7' AS fecha_extraccion,"
                f" fecha_carga + INTERVAL {30 * (again + 1)} MINUTE AS fecha_carga) FROM ventas_raw WHERE {where}"
                " AND fecha_extraccion NOT LIKE '%7'",
                window,
            )
    for store, month, count in con.execute(f"{months} WHERE {where} GROUP BY ALL", DIFFERENT).fetchall():
        found[store, month][0] += count
        found[store, month][2] += count
    con.execute(
        f"INSERT INTO ventas_raw SELECT * REPLACE ('1234.5' AS venta_total) FROM ventas_raw WHERE {where}", DIFFERENT
    )
    return [[store, month, *figures] for (store, month), figures in sorted(found.items())]


def main(path: str, options: str) -> None:
    """Makes the file."""
    assert duckdb.__version__ == "1.0.0", duckdb.__version__
    asked = json.loads(options)
    con = duckdb.connect(path)
    for statement in (*TABLES, *VIEWS, *(() if asked.get("vacia") else ROWS)):
        con.execute(statement)
    found = lines(con, asked["lineas"]) if asked.get("lineas") else []
    if asked.get("reales"):
        columns = ", ".join(TEXT)
        kinds = "{" + ", ".join(f"'{column}': 'VARCHAR'" for column in TEXT) + ", 'fecha_carga': 'TIMESTAMP'}"
        con.execute(
            f"INSERT INTO ventas_raw ({columns}, fecha_carga) SELECT {columns}, fecha_carga"
            f" FROM read_json('{asked['reales']}', columns={kinds})"
        )
    for statement in asked.get("extra", []):
        con.execute(statement)
    con.close()
    print(json.dumps({"meses": found}))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
