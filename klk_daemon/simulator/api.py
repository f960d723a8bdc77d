"""The routes of the KLK API (klk-api.md, Endpoints): a request and an instant in, an answer out."""

import html
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from klk_daemon.simulator.consulta import Consulta, ventas
from klk_daemon.simulator.mundo import Mundo
from klk_daemon.simulator.peticion import Peticion
from klk_daemon.simulator.respuesta import Listado, Respuesta, error_answer, html_answer, json_answer
from klk_daemon.simulator.tiendas import Almacen, Tienda


@dataclass(frozen=True, slots=True)
class Alcance:
    """Which stores and warehouses a request is about, for the faults that aim at some; `dias` it spans."""

    sucursales: frozenset[str] = frozenset()
    almacenes: frozenset[str] = frozenset()
    dias: int = 1


def answer(mundo: Mundo, peticion: Peticion, now: datetime) -> Respuesta:
    """What the server answers at `now`."""
    methods = _ROUTES.get(peticion.ruta)
    if methods is None:
        message = f"Cannot {html.escape(peticion.metodo)} {html.escape(peticion.ruta)}"
        return html_answer(404, message)
    metodo = "GET" if peticion.metodo == "HEAD" else peticion.metodo
    if metodo not in methods:
        allowed = ", ".join([*methods, "HEAD"] if "GET" in methods else methods)
        return html_answer(405, "Method Not Allowed", (("Allow", allowed),))
    try:
        datos = peticion.datos()
    except ValueError as broken:
        return html_answer(400, f"Bad Request: {html.escape(str(broken))}")
    try:
        return methods[metodo](mundo, datos, now)
    except ValueError as refused:
        return error_answer(str(refused))


def alcance(mundo: Mundo, peticion: Peticion) -> Alcance:
    """What a request aims at: the stores it names, those of the warehouses it names, and these."""
    try:
        datos = peticion.datos()
    except ValueError:
        return Alcance()
    sucursales = {*_codes(datos.get("sucursal")), *_codes(datos.get("CodigoSucursal"))}
    almacenes = {*_codes(datos.get("almacen")), *_codes(datos.get("Codigoalmacen"))}
    sucursales |= {mundo.sucursal_de(codigo) or "" for codigo in almacenes} - {""}
    try:
        dias = Consulta.of(datos).dias if peticion.ruta == "/ventas" else 1
    except ValueError:
        dias = 1
    return Alcance(frozenset(sucursales), frozenset(almacenes), dias)


def _reposicion(mundo: Mundo, datos: dict[str, Any], _now: datetime) -> Respuesta:
    sucursal = datos.get("sucursal") or ""
    return json_answer(
        [
            {
                "NombreSucursal": tienda.nombre,
                "CodigoSucursal": tienda.sucursal,
                "CodigoAlmacen": almacen.codigo,
                "NombreAlmacen": almacen.nombre,
            }
            for tienda in mundo.tiendas
            if sucursal in {"", tienda.sucursal}
            for almacen in tienda.almacenes
        ]
    )


def _piso_de_venta(mundo: Mundo, _datos: dict[str, Any], _now: datetime) -> Respuesta:
    consolidado = Almacen("CONS", "CONSOLIDADO", "CONSOLIDADO")
    return json_answer(
        [
            {
                "CodigoSucursal": tienda.sucursal,
                "NombreSucursal": tienda.nombre,
                "CodigoAlmacen": tienda.almacenes[0].codigo,
                "NombreAlmacen": tienda.almacenes[0].nombre,
            }
            for tienda in (Tienda("CONS", "CONSOLIDADO", (consolidado,)), *mundo.tiendas)
            if tienda.almacenes
        ]
    )


def _articulos_almacen(mundo: Mundo, datos: dict[str, Any], now: datetime) -> Respuesta:
    asked = _required(datos, "Codigoalmacen")
    # "almacences": the server's spelling.
    return _articulos(mundo, asked, {"almacences_filtrados": json.dumps(asked)}, now)


def _articulos_reposicion(mundo: Mundo, datos: dict[str, Any], now: datetime) -> Respuesta:
    asked = _required(datos, "CodigoSucursal")
    tiendas = [tienda for tienda in map(mundo.tienda, dict.fromkeys(asked)) if tienda is not None]
    codes = [almacen.codigo for tienda in tiendas for almacen in tienda.almacenes]
    return _articulos(mundo, codes, {"sucursales_filtradas": json.dumps(asked)}, now, bare=False)


def _articulos(
    mundo: Mundo, codes: Iterable[str], meta: dict[str, Any], now: datetime, *, bare: bool = True
) -> Respuesta:
    held = [mundo.inventario(codigo, now) for codigo in dict.fromkeys(codes)]
    filas = b",".join(each.filas for each in held if each.cuantas) if len(held) != 1 else held[0].filas
    cuantas = sum(each.cuantas for each in held)
    meta |= {"total_articulos": cuantas, "fecha_generacion": _generated(now)}
    listado = Listado("articulos", "total_articulos", None if bare and mundo.lista_desnuda else meta, filas, cuantas)
    return Respuesta(listado)


def _ventas(mundo: Mundo, datos: dict[str, Any], now: datetime) -> Respuesta:
    consulta = Consulta.of(datos)
    rows = ventas(mundo, consulta, now)
    meta = {
        "sucursal_codigo": consulta.sucursal,
        "fecha_desde": datos["fecha_desde"],
        "fecha_hasta": datos["fecha_hasta"],
        "hora_desde": datos.get("hora_desde") or "",
        "hora_hasta": datos.get("hora_hasta") or "",
        "CodArticulo": consulta.articulo,
        "almacen": consulta.almacen,
        "total_registros": len(rows),
        "fecha_generacion": _generated(now),
    }
    return Respuesta(Listado("ventas", "total_registros", meta, b",".join([row.json for row in rows]), len(rows)))


def _required(datos: dict[str, Any], name: str) -> list[str]:
    # The exact name only; another spelling of it is not seen (klk-api.md, Endpoints).
    value = datos.get(name)
    if not value:
        raise ValueError(f"el parámetro {name} es requerido")
    codes = _codes(value)
    if not codes:
        raise ValueError(f"el parámetro {name} debe ser un texto o una lista de textos")
    return codes


def _codes(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _generated(now: datetime) -> str:
    return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_Route = Callable[[Mundo, dict[str, Any], datetime], Respuesta]
_ROUTES: dict[str, dict[str, _Route]] = {
    "/maestra/almacenes/Reposicion": {"GET": _reposicion},
    "/maestra/almacenes/pisoventa": {"GET": _piso_de_venta},
    "/maestra/articulos/almacen": {"POST": _articulos_almacen},
    "/maestra/articulos/reposicion": {"POST": _articulos_reposicion},
    "/ventas": {"POST": _ventas},
}
