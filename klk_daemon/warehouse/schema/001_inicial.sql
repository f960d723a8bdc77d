-- The tables of a new installation (contract.md, "Tables"; legacy-db.md for the columns that others read).
-- No key, no constraint, no index: the writing transaction keeps rows unique, and DuckDB 1.0 can open the file.
-- Timestamps are naive: store-local time, but for the columns that end in _utc.

CREATE TABLE ubicaciones (
    id VARCHAR, codigo VARCHAR, nombre VARCHAR, tipo VARCHAR, region VARCHAR, ciudad VARCHAR, direccion VARCHAR,
    latitud DOUBLE, longitud DOUBLE, superficie_m2 DOUBLE, capacidad_actual DOUBLE, capacidad_maxima DOUBLE,
    horario_apertura TIME, horario_cierre TIME, activo BOOLEAN, created_at TIMESTAMP, updated_at TIMESTAMP
);

CREATE TABLE productos (
    id VARCHAR, codigo VARCHAR, codigo_barras VARCHAR, descripcion VARCHAR, categoria VARCHAR, grupo VARCHAR,
    subgrupo VARCHAR, marca VARCHAR, modelo VARCHAR, presentacion VARCHAR, costo_promedio DECIMAL(18, 6),
    precio_venta DECIMAL(18, 6), stock_minimo INTEGER, stock_maximo INTEGER, activo BOOLEAN,
    es_perecedero BOOLEAN, dias_vencimiento INTEGER, created_at TIMESTAMP, updated_at TIMESTAMP,
    conjunto_sustituible VARCHAR
);

-- One row per (ubicacion_id, almacen_codigo, producto_id).
CREATE TABLE stock_actual (
    ubicacion_id VARCHAR, producto_id VARCHAR, cantidad DECIMAL(18, 4), valor_inventario DECIMAL(18, 6),
    costo_promedio DECIMAL(18, 6), ultima_entrada TIMESTAMP, ultima_salida TIMESTAMP,
    ultima_actualizacion TIMESTAMP, stock_minimo DECIMAL(18, 4), stock_maximo DECIMAL(18, 4),
    dias_sin_movimiento INTEGER, almacen_codigo VARCHAR, codigo_producto VARCHAR, fecha_actualizacion TIMESTAMP
);

CREATE TABLE stock_historial (
    ubicacion_id VARCHAR, almacen_codigo VARCHAR, codigo_producto VARCHAR, cantidad_anterior DECIMAL(18, 4),
    cantidad DECIMAL(18, 4), fecha TIMESTAMP
);

-- One row per (ubicacion_id, numero_factura, linea). Money without a suffix is USD.
CREATE TABLE ventas_raw (
    numero_factura VARCHAR, ubicacion_id VARCHAR, ubicacion_nombre VARCHAR, linea INTEGER, fecha DATE, hora TIME,
    fecha_hora_completa TIMESTAMP, ano VARCHAR, mes VARCHAR, dia VARCHAR, dia_semana INTEGER, nombre_dia VARCHAR,
    nombre_mes VARCHAR, turno VARCHAR, periodo_dia VARCHAR, tipo_dia VARCHAR, codigo_transaccion VARCHAR,
    codigo_producto VARCHAR, descripcion_producto VARCHAR, marca_producto VARCHAR, modelo_producto VARCHAR,
    cuadrante_producto VARCHAR, presentacion_producto VARCHAR, categoria_producto VARCHAR, grupo_producto VARCHAR,
    subgrupo_producto VARCHAR, categoria_especial VARCHAR, categoria_precio VARCHAR, tipo_venta VARCHAR,
    cantidad_vendida DECIMAL(18, 4), cantidad_bultos DECIMAL(18, 4), peso_unitario DECIMAL(18, 4),
    volumen_unitario DECIMAL(18, 4), peso_calculado DECIMAL(18, 4), peso_total_vendido DECIMAL(18, 4),
    volumen_total_vendido DECIMAL(18, 4), tipo_peso VARCHAR, costo_unitario DECIMAL(18, 6),
    precio_unitario DECIMAL(18, 6), impuesto_porcentaje DECIMAL(18, 6), precio_por_kg DECIMAL(18, 6),
    costo_total DECIMAL(18, 6), venta_total DECIMAL(18, 6), utilidad_bruta DECIMAL(18, 6),
    margen_bruto_pct DECIMAL(18, 6), impuesto_total DECIMAL(18, 6), venta_sin_impuesto DECIMAL(18, 6),
    es_peso_variable BOOLEAN, producto_alta_rotacion BOOLEAN, venta_alto_valor BOOLEAN, tamano_transaccion VARCHAR,
    fecha_extraccion TIMESTAMP, fecha_transformacion TIMESTAMP, version_transformacion VARCHAR,
    fecha_carga TIMESTAMP, codigo_almacen VARCHAR, nombre_almacen VARCHAR, codigo_barras VARCHAR,
    costo_unitario_bs DECIMAL(18, 6), precio_unitario_bs DECIMAL(18, 6), impuesto_monto_bs DECIMAL(18, 6),
    venta_total_bs DECIMAL(18, 6), costo_total_bs DECIMAL(18, 6), utilidad_bruta_bs DECIMAL(18, 6),
    tasa_usd DECIMAL(18, 6), total_factura_bs DECIMAL(18, 6), porcentaje_descuento DECIMAL(18, 6),
    monto_descuento DECIMAL(18, 6), porcentaje_descuento_fidelizacion DECIMAL(18, 6),
    monto_descuento_fidelizacion DECIMAL(18, 6), porcentaje_descuento_forma_pago DECIMAL(18, 6),
    monto_descuento_forma_pago DECIMAL(18, 6), es_no_fiscal BOOLEAN, codigo_promocion VARCHAR,
    fecha_actualizacion TIMESTAMP
);

-- The ledger: one row per store and run.
CREATE TABLE etl_ejecuciones (
    id INTEGER, etl_tipo VARCHAR, ubicacion_id VARCHAR, ubicacion_nombre VARCHAR, fecha_inicio TIMESTAMP,
    fecha_fin TIMESTAMP, duracion_segundos DOUBLE, fecha_desde DATE, fecha_hasta DATE, hora_desde TIME,
    hora_hasta TIME, estado VARCHAR, registros_extraidos INTEGER, registros_cargados INTEGER,
    error_mensaje VARCHAR, error_tipo VARCHAR, modo VARCHAR, version_etl VARCHAR, host VARCHAR, run_id VARCHAR,
    insertados INTEGER, actualizados INTEGER, eliminados INTEGER, rechazados INTEGER, espera_bd_s DOUBLE,
    extraccion_s DOUBLE, carga_s DOUBLE
);

CREATE TABLE etl_marcas (etl_tipo VARCHAR, ubicacion_id VARCHAR, hasta_utc TIMESTAMP);

CREATE TABLE ventas_cobertura (
    ubicacion_id VARCHAR, desde_utc TIMESTAMP, hasta_utc TIMESTAMP, run_id VARCHAR
);

CREATE TABLE ventas_correcciones (
    registrada TIMESTAMP, ubicacion_id VARCHAR, fecha DATE, numero_factura VARCHAR, linea INTEGER, tipo VARCHAR,
    antes JSON, despues JSON, run_id VARCHAR
);

CREATE TABLE dias_certificados (
    ubicacion_id VARCHAR, fecha DATE, lineas INTEGER, facturas INTEGER, venta_total DECIMAL(18, 6),
    certificado TIMESTAMP, reabierto TIMESTAMP
);

CREATE TABLE filas_rechazadas (
    primera_vez TIMESTAMP, ultima_vez TIMESTAMP, veces INTEGER, job VARCHAR, ubicacion_id VARCHAR,
    motivo VARCHAR, fila JSON
);

-- Counts commits; see warehouse/recibo.py. One row; in a lake one more for each daemon.
CREATE TABLE ultimo_commit (base_id VARCHAR, numero BIGINT);
INSERT INTO ultimo_commit VALUES (CAST(uuid() AS VARCHAR), 0);

-- Intervals whose commits were lost: the next run of ventas reads them again.
CREATE TABLE ventas_por_releer (ubicacion_id VARCHAR, desde_utc TIMESTAMP, hasta_utc TIMESTAMP);
