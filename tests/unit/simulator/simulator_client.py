"""A client for the simulator's tests: the standard library's, so that nothing is mended on the way."""

import http.client
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from klk_daemon.simulator import Mundo, Simulador

NOW = datetime(2025, 11, 18, 16, 0, tzinfo=UTC)
"""Noon of a Tuesday in Caracas."""


def small_world(**changes: Any) -> Mundo:
    """A world that is quick to make, whose clock stands at `NOW`."""
    settings: dict[str, Any] = {"articulos": 200, "lineas_por_dia": 400, "clock": lambda: NOW}
    return Mundo(**(settings | changes))


class Answer(NamedTuple):
    """Status, headers (names in lower case) and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


def call(
    sim: Simulador, method: str, path: str, data: object = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", sim.port, timeout=10)
    try:
        body = data if data is None or isinstance(data, bytes) else json.dumps(data)
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, response.read())
    finally:
        connection.close()


def ventas(sim: Simulador, desde: str, hasta: str = "", **more: str) -> list[dict[str, Any]]:
    """The rows of `POST /ventas` for SUC001, unless `more` says otherwise."""
    asked = {"sucursal": "SUC001", "fecha_desde": desde, "fecha_hasta": hasta or desde} | more
    answer = call(sim, "POST", "/ventas", asked).json
    assert answer["meta"]["total_registros"] == len(answer["ventas"])
    rows: list[dict[str, Any]] = answer["ventas"]
    return rows


def articulos(sim: Simulador, almacen: object = "APP-TPF") -> list[dict[str, Any]]:
    """The rows of `POST /maestra/articulos/almacen`."""
    answer = call(sim, "POST", "/maestra/articulos/almacen", {"Codigoalmacen": almacen}).json
    assert answer["meta"]["total_articulos"] == len(answer["articulos"])
    rows: list[dict[str, Any]] = answer["articulos"]
    return rows


DAY = {"sucursal": "SUC001", "fecha_desde": "2025-11-17", "fecha_hasta": "2025-11-17"}


def ask(sim: Simulador, sucursal: str = "SUC001") -> Answer:
    """The sales of one day."""
    return call(sim, "POST", "/ventas", DAY | {"sucursal": sucursal})
