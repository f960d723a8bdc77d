"""The sales chart's geometry, and today beside a week ago."""

from datetime import datetime

import pytest

from klk_daemon.warehouse.panel import Dia
from klk_daemon.web.dashboard.graficos import ALTO, ANCHO, contra, grafico, rango
from klk_daemon.web.dashboard.textos import ES, Textos

AHORA = datetime.fromisoformat("2025-11-17T14:40")


def dia(**usd: float) -> Dia:
    """A day with sales in some half hours, named like `h1430`."""
    values = [0.0] * 48
    for name, value in usd.items():
        values[int(name[1:3]) * 2 + int(name[3:]) // 30] = value
    return Dia(tuple(values), len(usd))


def test_bars() -> None:
    """The best half hour is as high as the chart, the others in proportion, side by side over its whole width."""
    chart = grafico(dia(h1400=50, h1430=25), dia(h1400=100), AHORA, (16, 40))
    assert (len(chart.barras), chart.tope) == (24, 100)
    best = next(b for b in chart.barras if b.desde == "14:00")
    assert (best.hoy_alto, best.antes_alto, best.antes_y) == (ALTO / 2, ALTO, 0)
    last = chart.barras[-1]
    assert last.x + last.ancho == pytest.approx(ANCHO, abs=0.1)
    assert [b.desde for b in chart.barras if b.ahora] == ["14:30"]
    assert best.texto(Textos(ES)) == "14:00–14:30 · hoy US$ 50,00 · hace una semana US$ 100,00"
    assert chart.reposo(Textos(ES)).startswith("La mejor: 14:00")


def test_nothing_sold() -> None:
    """A chart of nothing is a chart; a refund below zero is no bar upside down."""
    chart = grafico(Dia(), Dia(), AHORA, rango([]))
    assert {b.hoy_alto for b in chart.barras} == {0}
    assert chart.reposo(Textos(ES)) == "Hoy, todavía ninguna."
    assert all(b.hoy_alto >= 0 for b in grafico(dia(h0900=-5), Dia(), AHORA, (16, 40)).barras)


def test_the_hours_that_are_shown() -> None:
    """From 08:00 to 20:00 at least, farther where the stores sell; a trickle at night shows no hour."""
    assert rango([]) == (16, 40)
    assert rango([dia(h0300=1, h1200=100)]) == (16, 40)
    assert rango([dia(h0630=50, h2200=60)]) == (12, 48)


def test_up_to_the_same_hour() -> None:
    """A half hour that was read in part counts in part a week ago; without a last reading nothing is said."""
    antes = dia(h1400=100, h1430=60, h1800=1000)
    assert contra(dia(h1400=110, h1430=20), antes, AHORA) == pytest.approx(130 / 120 - 1)
    assert contra(dia(h1400=1), Dia(), AHORA) is None
    assert contra(dia(h1400=1), antes, None) is None
