"""Good rows as KLK sends them (klk-api.md), for tests to change."""

import copy
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from klk_daemon.domain import Intervalo, Ventana

DIA = date(2025, 11, 17)

ARTICULO: dict[str, Any] = {
    "NombreProducto": "ROMERO KG",
    "Codigo": "000006",
    "Barra": "01024",
    "Categoria": "08",
    "Descripcion": "FRUVER",
    "Subcategoria": "1",
    "Descripcion_categoria": "POR PESO",
    "Marca": "DRAGOS",
    "Precio": 5.77,
    "Iva": 0,
    "stock": -2.5,
}

LINEA: dict[str, Any] = {
    "numero_factura": "C10-01-00008064",
    "fecha": "2025-11-17",
    "hora": "12:19:56.8966141",
    "fecha_hora_completa": "2025-11-17T12:19:56",
    "linea": 1,
    "producto": [
        {
            "codigo_producto": "001853",
            "descripcion_producto": "NECTAR DE PERA",
            "marca_producto": "NATULAC",
            "modelo_producto": "",
            "categoria_producto": "NECTARES Y JUGOS",
            "grupo_articulo": "BEBIDAS",
            "subgrupo_producto": "NECTAR DE FRUTA",
            "categoria_nombre": "ACCESORIOS",
            "codigo_barras": "7592396004005",
            "serial": "",
            "imei": "",
        }
    ],
    "cantidad": [
        {
            "codigo_almacen": "APP-TPF",
            "nombre_almacen": "PISO DE VENTA",
            "cantidad_vendida": 1,
            "peso_unitario": 0,
            "volumen_unitario": 0,
            "unidad_medida_venta": "UNIDAD",
            "peso_calculado": 0,
        }
    ],
    "financiero": [
        {
            "costo_unitario_usd": 1,
            "precio_unitario_usd": 0.974138,
            "impuesto_porcentaje": 16,
            "impuesto_monto": 36.856,
            "venta_total_bs": 230.35,
            "venta_total_usd": 0.974138,
            "costo_total_usd": 1,
            "utilidad_bruta_usd": -0.03,
        }
    ],
    "total_factura": 1158.67,
    "tasa_usd": 236.46,
    "es_no_fiscal": False,
    "tiene_promocion": "",
    "codigo_promocion": "",
}


def articulo(**cambios: Any) -> dict[str, Any]:
    """A good article, changed."""
    return ARTICULO | cambios


def linea(
    *, producto: dict[str, Any] | None = None, cantidad: dict[str, Any] | None = None, **cambios: Any
) -> dict[str, Any]:
    """A good sale line, changed; `financiero` too is given as the fields that differ."""
    fila = copy.deepcopy(LINEA)
    fila["producto"][0] |= producto or {}
    fila["cantidad"][0] |= cantidad or {}
    fila["financiero"][0] |= cambios.pop("financiero", {})
    return fila | cambios


def cuerpo_ventas(*filas: Any, total: Any = None) -> bytes:
    """The body of an answer with these lines."""
    return json.dumps({"meta": {"total_registros": len(filas) if total is None else total}, "ventas": filas}).encode()


def cuerpo_articulos(*filas: Any, total: Any = None) -> bytes:
    """The body of an answer with these articles."""
    meta = {"total_articulos": len(filas) if total is None else total}
    return json.dumps({"meta": meta, "articulos": filas}).encode()


def un_dia(fecha: date = DIA, desde: time = time(0), hasta: time | None = None) -> Ventana:
    """The window of a whole day in Caracas, or of its part."""
    inicio = datetime.combine(fecha, desde)
    fin = datetime.combine(fecha, hasta) if hasta else datetime.combine(fecha, time()) + timedelta(days=1)
    cuatro = timedelta(hours=4)
    intervalo = Intervalo((inicio + cuatro).replace(tzinfo=UTC), (fin + cuatro).replace(tzinfo=UTC))
    return Ventana(intervalo, fecha, inicio, fin, desde if hasta else None, hasta)


def by_key(filas: Sequence[Any]) -> dict[tuple[str, int], Any]:
    """Converted lines by their key."""
    return {(f["numero_factura"], f["linea"]): f for f in filas}
