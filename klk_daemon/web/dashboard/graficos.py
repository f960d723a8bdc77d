"""The geometry of the sales chart: half hours as bars, today before the same weekday last week. Pure.

Heights and positions are in the units of the SVG's view box, `ANCHO` x `ALTO`, which the page stretches to its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from klk_daemon.warehouse.panel import MEDIAS_HORAS, Dia
from klk_daemon.web.dashboard.textos import Textos

ANCHO, ALTO = 1000.0, 100.0
# Half hours at both ends that sell less than this share of the best one are left out: the night's trickle.
MIGAJA = 0.1
# The least that is shown, as half hours: 08:00 to 20:00.
TEMPRANO, TARDE = 16, 40
# The hours under the chart stand so many half hours apart.
MARCA = 4


@dataclass(frozen=True, slots=True)
class Barra:
    """A half hour: where its two bars stand, and what they say."""

    x: float
    ancho: float
    hoy_y: float
    hoy_alto: float
    antes_y: float
    antes_alto: float
    desde: str
    hasta: str
    hoy: float
    antes: float
    ahora: bool

    def texto(self, t: Textos) -> str:
        """What it says."""
        return t("barra", desde=self.desde, hasta=self.hasta, hoy=t.numero(self.hoy, 2), antes=t.numero(self.antes, 2))


@dataclass(frozen=True, slots=True)
class Grafico:
    """A chart: its bars, the hours under it, and the value of a bar as tall as the chart."""

    barras: Sequence[Barra]
    horas: Sequence[str]
    tope: float

    def reposo(self, t: Textos) -> str:
        """What stands under it while no bar is pointed at: the best half hour of today."""
        mejor = max(self.barras, key=lambda b: b.hoy)
        return t("mejor", barra=mejor.texto(t)) if mejor.hoy > 0 else t("sin_ventas")


def grafico(hoy: Dia, antes: Dia, ahora: datetime, entre: tuple[int, int]) -> Grafico:
    """The chart of a store's day beside that of a week ago.

    Args:
        hoy: today.
        antes: a week ago.
        ahora: naive local time.
        entre: the half hours to show, see `rango`.
    """
    primera, ultima = entre
    tope = max((*hoy.usd, *antes.usd, 1.0))
    paso = ANCHO / (ultima - primera)
    en_curso = ahora.hour * 2 + ahora.minute // 30
    barras = []
    for n in range(primera, ultima):
        hoy_alto, antes_alto = (max(0.0, usd) / tope * ALTO for usd in (hoy.usd[n], antes.usd[n]))
        barras.append(
            Barra(
                x=round((n - primera) * paso, 2),
                ancho=round(paso, 2),
                hoy_y=round(ALTO - hoy_alto, 2),
                hoy_alto=round(hoy_alto, 2),
                antes_y=round(ALTO - antes_alto, 2),
                antes_alto=round(antes_alto, 2),
                desde=_hora(n),
                hasta=_hora(n + 1),
                hoy=hoy.usd[n],
                antes=antes.usd[n],
                ahora=n == en_curso,
            )
        )
    return Grafico(barras, [_hora(n) for n in range(primera, ultima, MARCA)], tope)


def contra(hoy: Dia, antes: Dia, hasta: datetime | None) -> float | None:
    """By which share today differs from a week ago, both up to `hasta` (naive local time); None where it tells nothing.

    Args:
        hoy: today.
        antes: a week ago.
        hasta: up to when today's sales have been read.
    """
    if hasta is None:
        return None
    n, resto = hasta.hour * 2 + hasta.minute // 30, hasta.minute % 30 / 30
    entonces = sum(antes.usd[:n]) + antes.usd[n] * resto
    return None if entonces <= 0 else sum(hoy.usd) / entonces - 1


def rango(dias: Sequence[Dia]) -> tuple[int, int]:
    """The half hours in which the stores sell, taken together; a whole number of `MARCA` of them."""
    juntas = [sum(dia.usd[n] for dia in dias) for n in range(MEDIAS_HORAS)]
    buenas = [n for n, usd in enumerate(juntas) if usd > max(juntas) * MIGAJA]
    primera = min([TEMPRANO, *buenas]) // MARCA * MARCA
    ultima = -(-(max([TARDE - 1, *buenas]) + 1) // MARCA) * MARCA
    return primera, ultima


def _hora(media: int) -> str:
    return f"{media // 2:02}:{media % 2 * 30:02}"
