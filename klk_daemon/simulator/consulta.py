"""The parameters of `POST /ventas`, and the lines that match them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from klk_daemon.simulator.facturas import Factura, Linea
from klk_daemon.simulator.instantes import DAY, parse_hora, ticks
from klk_daemon.simulator.mundo import Mundo

_MOST_DAYS = 31  # some 250 MB at the default rate; the real server gave up long before (trap 7)


@dataclass(frozen=True, slots=True)
class Consulta:
    """What sales are asked for. Both dates and both times are inclusive; times are ticks of the day."""

    sucursal: str
    fecha_desde: date
    fecha_hasta: date
    hora_desde: int
    hora_hasta: int
    almacen: str
    articulo: str

    @classmethod
    def of(cls, datos: Mapping[str, Any]) -> "Consulta":
        """From the request's parameters.

        Raises:
            ValueError: one that is missing or makes no sense; its text is the server's answer.
        """
        texts = {}
        for name in (
            "sucursal", "fecha_desde", "fecha_hasta", "hora_desde", "hora_hasta", "almacen", "CodArticulo"
        ):  # fmt: skip
            value = datos.get(name) or ""
            if not isinstance(value, str):
                raise ValueError(f"el parámetro {name} debe ser un texto")  # noqa: TRY004 - the client's value
            texts[name] = value
        for name in ("sucursal", "fecha_desde", "fecha_hasta"):
            if not texts[name]:
                raise ValueError(f"el parámetro {name} es requerido")
        return cls(
            texts["sucursal"],
            _fecha(texts["fecha_desde"]),
            _fecha(texts["fecha_hasta"]),
            parse_hora(texts["hora_desde"]) if texts["hora_desde"] else 0,
            parse_hora(texts["hora_hasta"]) if texts["hora_hasta"] else DAY,
            texts["almacen"],
            texts["CodArticulo"],
        )

    @property
    def dias(self) -> int:
        """How many days it spans; 0 where the dates are the wrong way round."""
        return max(0, (self.fecha_hasta - self.fecha_desde).days + 1)


def ventas(mundo: Mundo, consulta: Consulta, en: datetime) -> list[Linea]:
    """The lines that the server shows at `en`, by date and time.

    The hours are compared with each day's times of day (klk-api.md, trap 2), fractions of a second included:
    `12:19:56.8966141` is after `12:19:56`. With `mundo.rango_continuo` they are the two ends of one range.

    Raises:
        ValueError: more days than the server is willing to search.
    """
    if consulta.dias > _MOST_DAYS:
        raise ValueError(f"el rango de fechas no puede exceder {_MOST_DAYS} días")
    at = ticks(en)
    rows: list[Linea] = []
    today = en.astimezone(mundo.zona).date()
    fecha, last = consulta.fecha_desde, min(consulta.fecha_hasta, today)
    while fecha <= last:
        first_hora, last_hora = consulta.hora_desde, consulta.hora_hasta
        if mundo.rango_continuo:
            first_hora = first_hora if fecha == consulta.fecha_desde else 0
            last_hora = last_hora if fecha == consulta.fecha_hasta else DAY
        for factura in mundo.facturas(consulta.sucursal, fecha):
            if first_hora <= factura.hora <= last_hora:
                rows.extend(_matching(factura, consulta, at))
        fecha += timedelta(days=1)
    return rows


def _matching(factura: Factura, consulta: Consulta, at: int) -> tuple[Linea, ...]:
    shown = factura.shown(at)
    if not consulta.almacen and not consulta.articulo:
        return shown
    return tuple(
        linea
        for linea in shown
        if consulta.almacen in {"", linea.codigo_almacen} and consulta.articulo in {"", linea.codigo_producto}
    )


def _fecha(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        raise ValueError(f"fecha inválida: {text}") from None
