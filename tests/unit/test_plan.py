"""What an unattended run of `ventas` reads, and what becomes of watermark and coverage."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klk_daemon.domain import Intervalo
from klk_daemon.windows import Plan, avanzar, dia, huecos, planificar, unir

CARACAS = ZoneInfo("America/Caracas")
NOW = datetime(2025, 11, 17, 16, 5, tzinfo=UTC)  # 12:05 in Caracas
HORA = timedelta(hours=1)


def hace(horas: float) -> datetime:
    """So many hours before now."""
    return NOW - timedelta(hours=horas)


def plan(**cambios: Any) -> Plan:
    """The plan of a store with the contract's defaults."""
    datos: dict[str, Any] = {
        "marca": None,
        "ultima_venta": None,
        "cobertura": (),
        "now": NOW,
        "zona": CARACAS,
        "overlap": HORA,
        "first_run_days": 0,
        "max_catchup_days": 31,
    }
    return planificar(**(datos | cambios))


intervalos = st.tuples(st.integers(0, 200), st.integers(0, 40)).map(
    lambda t: Intervalo(hace(200 - t[0]), hace(200 - t[0] - t[1]))
)


@given(st.lists(intervalos), st.integers(0, 240))
def test_unir_keeps_every_instant(partes: list[Intervalo], minuto: int) -> None:
    """What was covered is covered, nothing else is, and no two parts touch."""
    unidos = unir(partes)
    t = hace(200 - minuto)
    assert any(i.desde <= t < i.hasta for i in partes) == any(i.desde <= t < i.hasta for i in unidos)
    assert all(a.hasta < b.desde for a, b in pairwise(unidos))
    assert unir(unidos) == unidos


@given(st.lists(intervalos, min_size=1), st.integers(-100, 100))
def test_huecos_fill_the_coverage(partes: list[Intervalo], fin: int) -> None:
    """Coverage and gaps together are one piece, from the first instant read to the end; they never overlap."""
    hasta = hace(fin)
    sin_leer = huecos(partes, hasta)
    leidos = [i for i in unir(partes) if i.desde < hasta]
    assert all(g.desde < g.hasta <= hasta for g in sin_leer)
    assert not any(g.desde < i.hasta and i.desde < g.hasta for g in sin_leer for i in leidos)
    if leidos:
        (todo,) = unir([*leidos, *sin_leer])
        assert todo.desde == leidos[0].desde
        assert todo.hasta >= hasta


def test_nothing_read_has_no_gap() -> None:
    """Before the first reading there is nothing to miss."""
    assert huecos((), NOW) == []


@pytest.mark.parametrize(
    ("marca", "desde", "hasta", "piso", "nueva"),
    [
        (hace(2), hace(3), NOW, None, NOW),
        (hace(2), hace(2), NOW, None, NOW),
        (hace(2), hace(1), NOW, None, hace(2)),
        (hace(2), hace(9), hace(5), None, hace(2)),
        (hace(2), hace(1), NOW, hace(1), NOW),
        (NOW + HORA, hace(1), NOW, hace(1), NOW + HORA),
        (None, hace(1), NOW, hace(1), NOW),
        (None, hace(1), NOW, hace(0.5), NOW),
        (None, hace(1), NOW, hace(2), None),
        (None, hace(1), NOW, None, None),
    ],
)
def test_the_watermark_advances_only_without_a_gap(
    marca: datetime | None, desde: datetime, hasta: datetime, piso: datetime | None, nueva: datetime | None
) -> None:
    """To the end of an interval that begins at or before it; never back; a range by hand makes no first one."""
    assert avanzar(marca, Intervalo(desde, hasta), piso) == nueva


def test_a_new_store_begins_today() -> None:
    """No rows and no watermark: since today's midnight."""
    p = plan()
    assert p.intervalos == (Intervalo(dia(date(2025, 11, 17), CARACAS).desde, NOW),)
    assert p.piso == p.intervalos[0].desde
    assert p.omitido is None


def test_a_new_store_may_begin_earlier() -> None:
    """`first_run_days` counts days before today's midnight, but never beyond `max_catchup_days`."""
    assert plan(first_run_days=3).piso == dia(date(2025, 11, 14), CARACAS).desde
    assert plan(first_run_days=90).piso == dia(date(2025, 10, 17), CARACAS).desde


def test_a_usual_run_overlaps() -> None:
    """From an hour before the watermark to now."""
    p = plan(marca=hace(0.5), cobertura=(Intervalo(hace(40), hace(0.5)),))
    assert p.intervalos == (Intervalo(hace(1.5), NOW),)


def test_without_a_watermark_the_newest_line_counts() -> None:
    """A store whose rows another pipeline wrote goes on from them."""
    assert plan(ultima_venta=hace(30)).intervalos == (Intervalo(hace(31), NOW),)


def test_with_a_watermark_the_newest_line_does_not_count() -> None:
    """A store that sold nothing for a day is not read again from its last sale."""
    assert plan(marca=hace(1), ultima_venta=hace(30)).intervalos == (Intervalo(hace(2), NOW),)


def test_what_lies_too_far_back_is_named() -> None:
    """After 40 days 31 are read, and the others are told."""
    marca = hace(24 * 40)
    p = plan(marca=marca)
    limite = dia(date(2025, 10, 17), CARACAS).desde
    assert p.intervalos == (Intervalo(limite, NOW),)
    assert p.omitido == Intervalo(marca, limite)


def test_gaps_are_read_after_what_is_new() -> None:
    """The newest interval first: fresh sales do not wait for an old gap, which begins an overlap early, too."""
    cobertura = (Intervalo(hace(90), hace(80)), Intervalo(hace(70), hace(60)), Intervalo(hace(50), hace(1)))
    p = plan(marca=hace(1), cobertura=cobertura)
    assert p.intervalos == (
        Intervalo(hace(2), NOW),
        Intervalo(hace(61), hace(50)),
        Intervalo(hace(81), hace(70)),
    )
    assert p.piso == hace(2)


def test_a_gap_beside_the_window_is_one_with_it() -> None:
    """What touches is read in one piece, oldest first, and the watermark may follow it."""
    p = plan(marca=hace(1), cobertura=(Intervalo(hace(9), hace(3)), Intervalo(hace(2), hace(1))))
    assert p.intervalos == (Intervalo(hace(4), NOW),)
    assert p.piso == hace(4)


def test_a_watermark_ahead_of_the_clock_hides_nothing() -> None:
    """The clock was set back: what the wrong clock claimed is read as it comes."""
    p = plan(marca=NOW + timedelta(days=2), cobertura=(Intervalo(hace(40), hace(3)),))
    assert p.intervalos == (Intervalo(hace(4), NOW),)


def test_only_the_readable_part_of_an_old_gap_is_planned() -> None:
    """No window begins further back than `max_catchup_days`."""
    limite = dia(date(2025, 10, 17), CARACAS).desde
    viejo = Intervalo(limite - timedelta(days=9), limite - timedelta(days=5))
    p = plan(marca=hace(1), cobertura=(viejo, Intervalo(limite + timedelta(days=2), hace(1))))
    assert p.intervalos[-1] == Intervalo(limite, limite + timedelta(days=2))
