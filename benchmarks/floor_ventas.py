"""The floor of `ventas`: the same answers fetched side by side and appended to a table, unchecked."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb

from benchmarks.floor import VENTAS, fetch

TEXT, NUMBER = "VARCHAR", "DECIMAL(18, 6)"
PRODUCTO = (
    "codigo_producto", "descripcion_producto", "marca_producto", "modelo_producto", "categoria_producto",
    "grupo_articulo", "subgrupo_producto", "categoria_nombre", "codigo_barras",
)  # fmt: skip
CANTIDAD = (
    "cantidad_vendida", "peso_unitario", "peso_bruto", "volumen_unitario", "factor_unidad_medida", "peso_calculado",
)  # fmt: skip
FINANCIERO = (
    "costo_unitario_bs", "costo_unitario_usd", "precio_unitario_bs", "precio_unitario_usd", "impuesto_porcentaje",
    "impuesto_monto", "porcentaje_descuento", "monto_descuento", "venta_total_bs", "venta_total_usd",
    "costo_total_bs", "costo_total_usd", "utilidad_bruta_bs", "utilidad_bruta_usd",
)  # fmt: skip
LINEA = {
    "numero_factura": TEXT,
    "linea": "INTEGER",
    "fecha": "DATE",
    "hora": TEXT,
    "fecha_hora_completa": "TIMESTAMP",
    "total_factura": NUMBER,
    "tasa_usd": NUMBER,
    "es_no_fiscal": "BOOLEAN",
    "codigo_promocion": TEXT,
}
SHAPE: dict[str, Any] = {
    "ventas": [
        {
            **LINEA,
            "producto": [dict.fromkeys(PRODUCTO, TEXT)],
            "cantidad": [dict.fromkeys(CANTIDAD, NUMBER) | {"codigo_almacen": TEXT, "unidad_medida_venta": TEXT}],
            "financiero": [dict.fromkeys(FINANCIERO, NUMBER)],
        }
    ]
}
FIELDS = [
    *(f"v.{name}" for name in LINEA),
    *(f"v.producto[1].{name}" for name in PRODUCTO),
    *(f"v.cantidad[1].{name}" for name in (*CANTIDAD, "codigo_almacen", "unidad_medida_venta")),
    *(f"v.financiero[1].{name}" for name in FINANCIERO),
]
SELECT = f"SELECT ? AS sucursal, {', '.join(FIELDS)} FROM (SELECT unnest(from_json(?, ?).ventas) AS v)"


def window(sucursales: Sequence[str], desde: datetime, hasta: datetime) -> dict[str, Mapping[str, str]]:
    """What to ask for the sales of stores between two store-local times of one day."""
    return {
        sucursal: {
            "sucursal": sucursal,
            "fecha_desde": str(desde.date()),
            "fecha_hasta": str(hasta.date()),
            "hora_desde": f"{desde:%H:%M:%S}",
            "hora_hasta": f"{hasta:%H:%M:%S}",
        }
        for sucursal in sucursales
    }


def work(url: str, path: str, bodies: Mapping[str, Mapping[str, str]]) -> int:
    """Fetches the sales of all stores side by side and appends them. Returns the lines of this call."""
    answers = fetch(url, VENTAS, bodies)
    lines = 0
    with duckdb.connect(path) as con:
        con.execute("BEGIN")
        con.execute(f"CREATE TABLE IF NOT EXISTS ventas AS {SELECT} LIMIT 0", ["", '{"ventas":[]}', json.dumps(SHAPE)])
        for sucursal, body in answers.items():
            row = con.execute(f"INSERT INTO ventas {SELECT}", [sucursal, body.decode(), json.dumps(SHAPE)]).fetchone()
            assert row is not None  # an INSERT says how many
            lines += int(row[0])
        con.execute("COMMIT")
    return lines
