"""Invoices and their lines, as the API shows them at an instant."""

from dataclasses import dataclass
from typing import NamedTuple

from klk_daemon.simulator.catalogo import Articulo
from klk_daemon.simulator.tiendas import Almacen


class Linea(NamedTuple):
    """A line of an invoice: what identifies and measures it, and its wire form in `json` (UTF-8).

    `venta_total_usd` excludes IVA; `fecha` and `hora` are the store's local time.
    """

    numero_factura: str
    linea: int
    fecha: str
    hora: str
    codigo_producto: str
    codigo_almacen: str
    cantidad_vendida: float
    venta_total_usd: float
    json: bytes


@dataclass(frozen=True, slots=True)
class Factura:
    """An invoice's life.

    Sold at `venta`, shown from `llegada` on, with other values from `corregida` on, gone from `anulada` on:
    these are ticks from the epoch, `hora` counts them from midnight.
    """

    numero: str
    hora: int
    venta: int
    llegada: int
    corregida: int | None
    anulada: int | None
    lineas: tuple[Linea, ...]
    lineas_corregidas: tuple[Linea, ...]

    def shown(self, at: int) -> tuple[Linea, ...]:
        """The lines that the API answers at an instant (klk-api.md, traps 3 and 6)."""
        if at < self.llegada or (self.anulada is not None and at >= self.anulada):
            return ()
        return self.lineas_corregidas if self.corregida is not None and at >= self.corregida else self.lineas


class Renglon(NamedTuple):
    """What was sold in one line: `cantidad` in units or kg, `descuento` a percentage."""

    articulo: Articulo
    almacen: Almacen
    cantidad: float
    descuento: int
    promocion: str


class Cabecera(NamedTuple):
    """What the lines of an invoice share; `tasa` is Bs per USD."""

    numero: str
    fecha: str
    hora: str
    tasa: float
    no_fiscal: bool


class _Montos(NamedTuple):
    precio_bs: float
    descuento_bs: float
    venta_bs: float
    impuesto_bs: float


def _montos(renglon: Renglon, tasa: float) -> _Montos:
    # Totals exclude IVA; the tax is in Bs: 230.35 * 16 % = 36.856 (klk-api.md, A sale line).
    precio = round(renglon.articulo.precio * tasa, 2)
    gross = round(precio * renglon.cantidad, 2)
    descuento = round(gross * renglon.descuento / 100, 2)
    venta = round(gross - descuento, 2)
    return _Montos(precio, descuento, venta, round(venta * renglon.articulo.iva / 100, 4))


def lineas(cabecera: Cabecera, renglones: list[Renglon]) -> tuple[Linea, ...]:
    """The lines of an invoice; `total_factura` is their sum in Bs with IVA."""
    montos = [_montos(renglon, cabecera.tasa) for renglon in renglones]
    total = round(sum(monto.venta_bs + monto.impuesto_bs for monto in montos), 2)
    return tuple(
        _linea(cabecera, number, renglon, monto, total)
        for number, (renglon, monto) in enumerate(zip(renglones, montos, strict=True), start=1)
    )


def _linea(cabecera: Cabecera, number: int, renglon: Renglon, montos: _Montos, total: float) -> Linea:
    articulo, almacen, cantidad, descuento, promocion = renglon
    numero, fecha, hora, tasa, no_fiscal = cabecera
    precio_bs, descuento_bs, venta_bs, impuesto_bs = montos
    costo_bs = round(articulo.costo * tasa, 2)
    venta_usd = round(venta_bs / tasa, 6)
    costo_total_bs = round(costo_bs * cantidad, 2)
    costo_total_usd = round(articulo.costo * cantidad, 6)
    peso = cantidad if articulo.kg else 0
    # Built as text: json.dumps of the same would take three times as long, for thousands of lines a day.
    text = (
        f'{{"numero_factura":"{numero}","fecha":"{fecha}","hora":"{hora}",'
        f'"fecha_hora_completa":"{fecha}T{hora[:8]}","linea":{number},'
        f'"producto":[{articulo.producto}],'
        f'"cantidad":[{{"codigo_almacen":"{almacen.codigo}","nombre_almacen":"{almacen.nombre_venta}",'
        f'"cantidad_vendida":{cantidad},"peso_unitario":0,"peso_bruto":0,"volumen_unitario":0,'
        f'"unidad_medida_venta":"{"KG" if articulo.kg else "UNIDAD"}","factor_unidad_medida":1,'
        f'"total_cantidad_por_unidad_medida":{cantidad},"peso_calculado":{peso}}}],'
        f'"financiero":[{{"costo_unitario_bs":{costo_bs},"costo_unitario_usd":{articulo.costo},'
        f'"precio_unitario_bs":{precio_bs},"precio_unitario_usd":{round(precio_bs / tasa, 6)},'
        f'"impuesto_porcentaje":{articulo.iva},"impuesto_monto":{impuesto_bs},'
        f'"porcentaje_descuento":{descuento},"monto_descuento":{descuento_bs},'
        f'"porcentaje_descuento_fidelizacion":0,"monto_descuento_fidelizacion":0,'
        f'"porcentaje_descuento_forma_pago":0,"monto_descuento_forma_pago":0,'
        f'"venta_total_bs":{venta_bs},"venta_total_usd":{venta_usd},'
        f'"costo_total_bs":{costo_total_bs},"costo_total_usd":{costo_total_usd},'
        f'"utilidad_bruta_bs":{round(venta_bs - costo_total_bs, 2)},'
        f'"utilidad_bruta_usd":{round(venta_usd - costo_total_usd, 2)}}}],'
        f'"total_factura":{total},"tasa_usd":{tasa},"es_no_fiscal":{"true" if no_fiscal else "false"},'
        f'"tiene_promocion":"{"SI" if promocion else ""}","codigo_promocion":"{promocion}"}}'
    )
    return Linea(numero, number, fecha, hora, articulo.codigo, almacen.codigo, cantidad, venta_usd, text.encode())
