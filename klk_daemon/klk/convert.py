"""From wire rows to table rows (legacy-db.md, "Where a value comes from", "What the derived columns hold"). Pure.

A converted row is a flat dictionary of column to JSON-ready value: dates as ISO text, numbers as floats (KLK's own
precision), which the database casts to the column's type.
"""

from datetime import date, datetime
from functools import lru_cache
from typing import Any

from klk_daemon.domain import Lote
from klk_daemon.klk.answers import Respuesta
from klk_daemon.klk.wire import Articulo, Financiero, LineaVenta
from klk_daemon.mapped import Mapped

SIN_CATEGORIA = "SIN CATEGORIA"
DESCRIPCION_MAX = 200
VERSION = "klk_v2"
LIMITE = 1e12  # what DECIMAL(18,6) holds
DIAS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FECHA, HORA = slice(len("2025-11-17")), slice(len("2025-11-17T"), None)
MESES = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@lru_cache(maxsize=1 << 14)  # the warehouses of a run list the same articles, categories and brands
def texto(value: str | None) -> str | None:
    """Trimmed text; None where it is missing, empty or `N/A` (klk-api.md, "An article")."""
    value = value.strip() if value else None
    return None if not value or value.upper() == "N/A" else value


def articulos(almacen: str, respuesta: Respuesta[Articulo]) -> Lote:
    """The stock of one warehouse, each `Codigo` once; of doubles the last wins (klk-api.md, trap 5)."""
    por_codigo = {fila.Codigo: fila for fila in respuesta.filas}
    return Lote([_articulo(almacen, fila) for fila in por_codigo.values()], respuesta.rechazos)


def _articulo(almacen: str, fila: Articulo) -> dict[str, Any]:
    codigo = fila.Codigo
    return {
        "almacen_codigo": almacen,
        "codigo_producto": codigo,
        "codigo_barras": texto(fila.Barra),
        "descripcion": (texto(fila.NombreProducto) or codigo)[:DESCRIPCION_MAX],
        "categoria": texto(fila.Descripcion) or SIN_CATEGORIA,
        "grupo": texto(fila.Descripcion_categoria),
        "subgrupo": texto(fila.Subcategoria),
        "marca": texto(fila.Marca),
        "precio": fila.Precio,
        "cantidad": fila.stock,
    }


def ventas(fecha: date, respuesta: Respuesta[LineaVenta]) -> Lote:
    """The lines of a day or its part, each key once; of doubles the last wins (klk-api.md, trap 5)."""
    por_clave = {(fila.numero_factura, fila.linea): fila for fila in respuesta.filas}
    return Lote(Mapped(_linea, list(por_clave.values())), respuesta.rechazos, _dia(fecha) | NO_EN_KLK)


def _linea(fila: LineaVenta) -> dict[str, Any]:
    producto, cantidad, financiero = fila.producto[0], fila.cantidad[0], fila.financiero[0]
    total = financiero.venta_total_usd
    unidad = texto(cantidad.unidad_medida_venta) or "UNIDAD"
    return {
        "numero_factura": fila.numero_factura,
        "linea": fila.linea,
        **_momento(fila.vendida),
        "codigo_transaccion": fila.numero_factura,
        "codigo_producto": producto.codigo_producto,
        "descripcion_producto": texto(producto.descripcion_producto) or "",
        "marca_producto": texto(producto.marca_producto) or "",
        "modelo_producto": texto(producto.modelo_producto) or "",
        "categoria_producto": texto(producto.categoria_producto) or "",
        "grupo_producto": texto(producto.grupo_articulo) or "",
        "subgrupo_producto": texto(producto.subgrupo_producto) or "",
        "codigo_barras": texto(producto.codigo_barras) or "",
        "codigo_almacen": texto(cantidad.codigo_almacen) or "",
        "nombre_almacen": texto(cantidad.nombre_almacen) or "",
        "cantidad_vendida": cantidad.cantidad_vendida,
        "peso_unitario": cantidad.peso_unitario or 0.0,
        "volumen_unitario": cantidad.volumen_unitario or 0.0,
        "peso_calculado": cantidad.peso_calculado or 0.0,
        "tipo_peso": unidad,
        "es_peso_variable": unidad.upper() == "KG",
        **_dinero(financiero, fila.tasa_usd or 0.0),
        "venta_alto_valor": total > 50,
        "tamano_transaccion": tamano(total),
        "tasa_usd": fila.tasa_usd,
        "total_factura_bs": fila.total_factura,
        "es_no_fiscal": fila.es_no_fiscal,
        "codigo_promocion": texto(fila.codigo_promocion) or "",
    }


# Columns that readers know from older sources and that KLK does not have.
NO_EN_KLK: dict[str, Any] = {
    "cuadrante_producto": "",
    "presentacion_producto": "",
    "categoria_especial": "",
    "categoria_precio": "",
    "tipo_venta": "normal",
    "cantidad_bultos": 0.0,
    "peso_total_vendido": 0.0,
    "volumen_total_vendido": 0.0,
    "precio_por_kg": 0.0,
    "producto_alta_rotacion": False,
    "version_transformacion": VERSION,
}


def _dinero(financiero: Financiero, tasa: float) -> dict[str, Any]:
    """Unsuffixed columns are USD. Totals exclude IVA, so the tax is never subtracted from them again."""
    total = financiero.venta_total_usd
    utilidad = financiero.utilidad_bruta_usd or 0.0
    impuesto_bs = financiero.impuesto_monto or 0.0
    return {
        "costo_unitario": financiero.costo_unitario_usd or 0.0,
        "precio_unitario": financiero.precio_unitario_usd or 0.0,
        "costo_total": financiero.costo_total_usd or 0.0,
        "venta_total": total,
        "venta_sin_impuesto": total,
        "utilidad_bruta": utilidad,
        "margen_bruto_pct": _cociente(utilidad * 100, total, 2),
        "impuesto_porcentaje": financiero.impuesto_porcentaje or 0.0,
        "impuesto_total": _cociente(impuesto_bs, tasa, 6),
        "costo_unitario_bs": financiero.costo_unitario_bs,
        "precio_unitario_bs": financiero.precio_unitario_bs,
        "impuesto_monto_bs": financiero.impuesto_monto,
        "venta_total_bs": financiero.venta_total_bs,
        "costo_total_bs": financiero.costo_total_bs,
        "utilidad_bruta_bs": financiero.utilidad_bruta_bs,
        "porcentaje_descuento": financiero.porcentaje_descuento,
        "monto_descuento": financiero.monto_descuento,
        "porcentaje_descuento_fidelizacion": financiero.porcentaje_descuento_fidelizacion,
        "monto_descuento_fidelizacion": financiero.monto_descuento_fidelizacion,
        "porcentaje_descuento_forma_pago": financiero.porcentaje_descuento_forma_pago,
        "monto_descuento_forma_pago": financiero.monto_descuento_forma_pago,
    }


def _cociente(dividendo: float, divisor: float, decimales: int) -> float:
    """The rounded quotient; 0 where there is none, or none that a column holds."""
    cociente = dividendo / divisor if divisor else 0.0
    return round(cociente, decimales) if abs(cociente) < LIMITE else 0.0


def _momento(vendida: datetime) -> dict[str, Any]:
    completa = vendida.isoformat()
    return {
        "fecha": completa[FECHA],
        "hora": completa[HORA],
        "fecha_hora_completa": completa,
        **_hora(vendida.hour),
    }


def _dia(fecha: date) -> dict[str, Any]:
    ano, mes, dia = fecha.isoformat().split("-")
    dia_semana = fecha.weekday()
    return {
        "ano": ano,
        "mes": mes,
        "dia": dia,
        "dia_semana": dia_semana,
        "nombre_dia": DIAS[dia_semana],
        "nombre_mes": MESES[fecha.month - 1],
        "tipo_dia": "fin_semana" if dia_semana in {5, 6} else "laboral",
    }


@lru_cache(maxsize=24)
def _hora(hora: int) -> dict[str, str]:
    return {"turno": turno(hora), "periodo_dia": periodo_dia(hora)}


def turno(hora: int) -> str:
    """The shift that an hour (0 to 23) belongs to."""
    if 6 <= hora < 14:
        return "mañana"
    return "tarde" if 14 <= hora < 22 else "noche"


PERIODOS = ((6, 9, "apertura"), (10, 12, "media_mañana"), (13, 15, "almuerzo"), (16, 18, "tarde"), (19, 21, "cierre"))


def periodo_dia(hora: int) -> str:
    """The part of the trading day that an hour (0 to 23) belongs to."""
    return next((nombre for desde, hasta, nombre in PERIODOS if desde <= hora <= hasta), "fuera_horario")


def tamano(total: float) -> str:
    """How large a line's USD total is."""
    for limite, nombre in ((5, "pequeña"), (20, "mediana"), (50, "grande")):
        if total < limite:
            return nombre
    return "muy_grande"
