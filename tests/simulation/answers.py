"""What the server really answered in a run, worked out again from its log."""

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from klk_daemon.domain import Intervalo
from klk_daemon.simulator import Falla, Mundo, Registro, TipoFalla, bad_rows
from klk_daemon.simulator.consulta import Consulta
from klk_daemon.simulator.consulta import ventas as lineas_de

from .bench import MENTIRAS, Corrida
from .truth import CUATRO, Clave, decimal

VENTAS = "/ventas"
ARTICULOS = "/maestra/articulos/almacen"

# What reaches the client as an answer that it may believe. `goteo`: it may, where the drops end in time.
BUENAS = {
    *("ok", TipoFalla.REPETIDAS, TipoFalla.FILAS_MALAS, TipoFalla.GOTEO, TipoFalla.GOTEO_CABECERA),
    *MENTIRAS,
}


def falla_de(corrida: Corrida, registro: Registro) -> Falla | None:
    """The fault that a request met; a run has one of each kind at most."""
    return next((f for f in corrida.apuros.fallas if f.tipo == registro.resultado), None)


def creible(mundo: Mundo, registro: Registro, datos: dict[str, Any]) -> bool:
    """Whether a client may believe an answer: what has no rows cannot be short, nor a bare list without a total."""
    if registro.resultado == TipoFalla.CORTO:
        if registro.ruta == ARTICULOS:
            return mundo.lista_desnuda
        return not lineas_de(mundo, Consulta.of(datos), registro.reloj)
    return registro.resultado in BUENAS


def pedidas(mundo: Mundo, corrida: Corrida, ruta: str) -> Iterator[tuple[Registro, dict[str, Any]]]:
    """The requests to a route whose answers can be believed, with their parameters."""
    for registro in corrida.peticiones:
        if registro.ruta == ruta and creible(mundo, registro, datos := json.loads(registro.cuerpo)):
            yield registro, datos


def intervalo_pedido(mundo: Mundo, datos: dict[str, Any]) -> Intervalo:
    """The time that a request for sales speaks of."""
    inicio, fin = mundo.dia(date.fromisoformat(datos["fecha_desde"]))
    if not datos.get("hora_desde"):
        return Intervalo(inicio, fin)
    fecha = date.fromisoformat(datos["fecha_desde"])
    horas = (datetime.fromisoformat(f"{fecha}T{datos[k]}") for k in ("hora_desde", "hora_hasta"))
    desde, hasta = (mundo.aware(h) for h in horas)
    return Intervalo(desde, hasta)


def respondidas(mundo: Mundo, registro: Registro, datos: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of an honest answer."""
    rows = lineas_de(mundo, Consulta.of(datos), registro.reloj)
    return [json.loads(row.json) for row in rows]


def ilegibles(mundo: Mundo, corrida: Corrida, sucursal: str) -> set[Clave]:
    """The lines that a run met as bad rows and never as good ones."""
    malas: set[Clave] = set()
    for registro, datos in pedidas(mundo, corrida, VENTAS):
        falla = falla_de(corrida, registro)
        if datos["sucursal"] != sucursal or falla is None or falla.tipo is not TipoFalla.FILAS_MALAS:
            continue
        rows = respondidas(mundo, registro, datos)
        before = [json.dumps(row) for row in rows]
        damaged = bad_rows(json.loads(json.dumps(rows)), falla)
        for row, old, new in zip(rows, before, damaged, strict=True):
            if json.dumps(new) != old:
                malas.add((row["numero_factura"], row["linea"]))
    return malas


def mintio(mundo: Mundo, corrida: Corrida, sucursal: str) -> bool:
    """Whether the server told a store that there are fewer sales than there are, and its total agreed."""
    return any(
        registro.resultado in MENTIRAS and datos["sucursal"] == sucursal
        for registro, datos in pedidas(mundo, corrida, VENTAS)
    )


def distintas(mundo: Mundo, corrida: Corrida, sucursal: str) -> int:
    """How many different rows the server sent for a store at most."""
    total = 0
    preguntas = {r.cuerpo: (r, d) for r, d in pedidas(mundo, corrida, VENTAS) if d["sucursal"] == sucursal}
    for registro, datos in preguntas.values():
        total += len(lineas_de(mundo, Consulta.of(datos), registro.reloj))
    return total


def existencias(mundo: Mundo, corrida: Corrida, almacen: str) -> dict[str, Decimal] | None:
    """The stock that the last believable answer of a warehouse told; None where there was none."""
    ultimo = None
    for registro, datos in pedidas(mundo, corrida, ARTICULOS):
        if datos["Codigoalmacen"] == almacen:
            ultimo = registro
    if ultimo is None:
        return None
    filas = mundo.inventario(almacen, ultimo.reloj).filas
    rows: list[dict[str, Any]] = json.loads(b"[" + filas + b"]")
    falla = falla_de(corrida, ultimo)
    if falla is not None and falla.tipo is TipoFalla.SIN_FILAS:
        rows = []
    elif falla is not None and falla.tipo in {TipoFalla.ENCOGIDO, TipoFalla.CORTO}:
        rows = rows[: int(len(rows) * falla.share)]
    elif falla is not None and falla.tipo is TipoFalla.FILAS_MALAS:
        damaged = bad_rows(json.loads(json.dumps(rows)), falla)
        rows = [row for row, new in zip(rows, damaged, strict=True) if json.dumps(new) == json.dumps(row)]
    return {row["Codigo"]: decimal(row["stock"], CUATRO) for row in rows}


def cruza_medianoche(datos: dict[str, Any]) -> bool:
    """Whether a request for sales is about more than one day."""
    return bool(datos["fecha_desde"] != datos["fecha_hasta"])


def hasta_hoy(desde: date, hasta: date) -> list[date]:
    """Every date from the first to the last."""
    return [desde + timedelta(days=n) for n in range((hasta - desde).days + 1)]
