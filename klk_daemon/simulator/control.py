"""The routes under `/_sim/`: what the simulator is doing, and the switches of its faults.

They are the simulator's own, not KLK's: neither logged, nor slowed down, nor broken by faults.
"""

from collections.abc import Callable
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from typing import Any

from klk_daemon.simulator.estado import Estado
from klk_daemon.simulator.fallas import Falla, TipoFalla
from klk_daemon.simulator.peticion import Peticion
from klk_daemon.simulator.respuesta import Respuesta, json_answer

PREFIX = "/_sim"
_LONGEST = timedelta(days=31)


def is_for(ruta: str) -> bool:
    """Whether a path is one of the simulator's own."""
    return ruta == PREFIX or ruta.startswith(f"{PREFIX}/")


def answer(estado: Estado, peticion: Peticion) -> Respuesta:
    """The answer of a control route: JSON; 400 with `{"error"}` for a value that makes no sense."""
    methods = _ROUTES.get(peticion.ruta.removeprefix(PREFIX).strip("/"))
    if methods is None:
        return json_answer({"error": f"no such route; there are: {', '.join(_PATHS)}"}, 404)
    metodo = "GET" if peticion.metodo == "HEAD" else peticion.metodo
    if metodo not in methods:
        return replace(
            json_answer({"error": f"{metodo} is not for this route"}, 405),
            cabeceras=(("Allow", ", ".join(methods)),),
        )
    try:
        return methods[metodo](estado, peticion.datos())
    except (ValueError, TypeError, OverflowError) as refused:
        return json_answer({"error": str(refused)}, 400)


def _state(estado: Estado, _datos: dict[str, Any]) -> Respuesta:
    mundo = estado.mundo
    return json_answer(
        {
            "ahora": mundo.now().isoformat(),
            "factor": mundo.clock.factor,
            "zona": mundo.zona.key,
            "seed": mundo.seed,
            "articulos": mundo.articulos,
            "lineas_por_dia": mundo.lineas_por_dia,
            "tiendas": [
                {
                    "sucursal": tienda.sucursal,
                    "nombre": tienda.nombre,
                    "almacenes": [
                        {"codigo": almacen.codigo, "nombre": almacen.nombre, "activo": almacen.activo}
                        for almacen in tienda.almacenes
                    ],
                }
                for tienda in mundo.tiendas
            ],
            "latencia": asdict(estado.latencia),
            "fallas": [falla.as_json() for falla in estado.fallas.todas()],
            "tipos_de_falla": [str(tipo) for tipo in TipoFalla],
            "peticiones": dict(estado.conteo),
            "en_curso": estado.under_way,
            "en_curso_max": estado.most_under_way,
        }
    )


def _faults(estado: Estado, _datos: dict[str, Any]) -> Respuesta:
    return json_answer([falla.as_json() for falla in estado.fallas.todas()])


def _add_fault(estado: Estado, datos: dict[str, Any]) -> Respuesta:
    known = {field.name: field.type for field in fields(Falla)}
    for name, value in datos.items():
        if name not in known or name == "id":
            raise ValueError(f"unknown field {name!r}; there are: {', '.join(sorted(set(known) - {'id'}))}")
        if value is not None and isinstance(value, str) is not (name in _TEXTS):
            raise ValueError(f"{name}: {'text' if name in _TEXTS else 'a number'} is expected")
        if name in _WHOLE and value is not None and not isinstance(value, int):
            raise ValueError(f"{name}: a whole number is expected")
    if "tipo" not in datos:
        raise ValueError(f"tipo is missing; there are: {', '.join(TipoFalla)}")
    return json_answer(estado.fallas.poner(Falla(**datos)).as_json(), 201)


def _remove_faults(estado: Estado, datos: dict[str, Any]) -> Respuesta:
    falla_id = datos.get("id")
    return json_answer({"quitadas": estado.fallas.quitar(None if falla_id is None else int(falla_id))})


def _clock(estado: Estado, datos: dict[str, Any]) -> Respuesta:
    mundo = estado.mundo
    factor = datos.get("factor")
    factor = mundo.clock.factor if factor is None else float(factor)
    now = mundo.aware(datetime.fromisoformat(datos["ahora"])) if "ahora" in datos else mundo.now()
    mundo.set_now(now + timedelta(seconds=float(datos.get("avanza_s", 0))), factor=factor)
    return json_answer({"ahora": mundo.now().isoformat(), "factor": mundo.clock.factor})


def _latency(estado: Estado, datos: dict[str, Any]) -> Respuesta:
    estado.latencia = replace(estado.latencia, **{name: float(value) for name, value in datos.items()})
    return json_answer(asdict(estado.latencia))


def _requests(estado: Estado, datos: dict[str, Any]) -> Respuesta:
    limit = int(datos.get("limite", 100))
    newest = list(estado.peticiones)[-limit:] if limit > 0 else []
    return json_answer([registro.as_json() for registro in newest])


def _forget_requests(estado: Estado, _datos: dict[str, Any]) -> Respuesta:
    estado.forget()
    return json_answer({})


def _oracle(estado: Estado, datos: dict[str, Any]) -> Respuesta:
    for name in ("sucursal", "desde", "hasta"):
        if name not in datos:
            raise ValueError(f"{name} is missing; desde and hasta are ISO times, hasta exclusive")
    mundo = estado.mundo
    desde, hasta = (mundo.aware(datetime.fromisoformat(datos[name])) for name in ("desde", "hasta"))
    if hasta - desde > _LONGEST:
        raise ValueError(f"at most {_LONGEST.days} days at once")
    en = mundo.aware(datetime.fromisoformat(datos["en"])) if "en" in datos else mundo.now()
    return json_answer(mundo.oraculo(datos["sucursal"], desde, hasta, en))


def _stock(estado: Estado, datos: dict[str, Any]) -> Respuesta:
    if "almacen" not in datos:
        raise ValueError("almacen is missing")
    mundo = estado.mundo
    en = mundo.aware(datetime.fromisoformat(datos["en"])) if "en" in datos else mundo.now()
    return json_answer(mundo.existencias(datos["almacen"], en))


_TEXTS = {
    "tipo", "sucursal", "almacen", "ruta", "retry_after", "mensaje", "campo", "dano", "total", "destino",
}  # fmt: skip
_WHOLE = {"veces", "trozo", "status", "megas"}
_Route = Callable[[Estado, dict[str, Any]], Respuesta]
_ROUTES: dict[str, dict[str, _Route]] = {
    "": {"GET": _state},
    "fallas": {"GET": _faults, "POST": _add_fault, "DELETE": _remove_faults},
    "reloj": {"POST": _clock},
    "latencia": {"POST": _latency},
    "peticiones": {"GET": _requests, "DELETE": _forget_requests},
    "oraculo": {"GET": _oracle},
    "existencias": {"GET": _stock},
}
_PATHS = [f"{PREFIX}/{path}" for path in _ROUTES]
