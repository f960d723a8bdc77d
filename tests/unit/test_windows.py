"""Which requests read an interval: examples, and what holds for any interval in any zone."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from klk_daemon.domain import Intervalo, Ventana
from klk_daemon.windows import UN_DIA, dia, dias, instante, local, ventanas

CARACAS = ZoneInfo("America/Caracas")
# Zone, and days on which its clock does something odd.
ZONAS = {
    "UTC": [date(2025, 6, 1)],
    "America/Caracas": [date(2025, 11, 17), date(2016, 5, 1), date(2007, 12, 9)],
    "America/Asuncion": [date(2023, 10, 1), date(2024, 3, 23), date(2024, 3, 24), date(2024, 10, 6)],
    "Africa/Cairo": [date(2024, 4, 26), date(2024, 10, 31), date(2024, 11, 1)],
    "America/Havana": [date(2024, 3, 10), date(2024, 11, 3)],
    "Asia/Beirut": [date(2024, 3, 31), date(2024, 10, 26), date(2024, 10, 27)],
    "Pacific/Apia": [date(2011, 12, 29), date(2011, 12, 30), date(2011, 12, 31)],
    "Australia/Lord_Howe": [date(2024, 4, 7), date(2024, 10, 6)],
    "Europe/Madrid": [date(2024, 3, 31), date(2024, 10, 27)],
    "America/Santiago": [date(2024, 4, 6), date(2024, 9, 8)],
}


def utc(*parts: int) -> datetime:
    """An instant."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@st.composite
def casos(draw: st.DrawFn) -> tuple[ZoneInfo, Intervalo]:
    """A zone and an interval of up to four days, near a change of the clock or anywhere."""
    nombre = draw(st.sampled_from(sorted(ZONAS)))
    cambios = [datetime.combine(d, time(), UTC) for d in ZONAS[nombre]]
    base = draw(st.sampled_from(cambios) | st.datetimes(datetime(2005, 1, 1), datetime(2035, 1, 1)))  # noqa: DTZ001
    micros = draw(st.sampled_from([0, 0, 1, 500_000, 999_999]))
    desde = base.replace(tzinfo=UTC) + timedelta(seconds=draw(st.integers(-172_800, 172_800)), microseconds=micros)
    largo = draw(st.sampled_from([1, 60, 1800, 3600, 86_399, 86_400]) | st.integers(1, 345_600))
    hasta = desde + timedelta(seconds=largo, microseconds=draw(st.sampled_from([0, 0, 1, 250_000])))
    return ZoneInfo(nombre), Intervalo(desde, hasta)


def permite(v: Ventana, reloj: datetime) -> bool:
    """Whether KLK's filter lets a sale pass that was made when the store's clock showed `reloj` (klk-api.md)."""
    if reloj.date() != v.fecha:
        return False
    if v.hora_desde is None or v.hora_hasta is None:
        return v.hora_desde is None and v.hora_hasta is None
    return v.hora_desde <= reloj.time() <= v.hora_hasta


@settings(max_examples=300)
@given(casos())
@example((ZoneInfo("Pacific/Apia"), Intervalo(utc(2011, 12, 29, 12), utc(2011, 12, 31, 12))))
def test_the_requests_cover_the_interval_exactly(caso: tuple[ZoneInfo, Intervalo]) -> None:
    """In order, each begins where the one before it ends: nothing is left out, nothing is vouched for twice."""
    zona, intervalo = caso
    partes = [v.intervalo for v in ventanas(intervalo, zona)]
    assert partes[0].desde == intervalo.desde
    assert partes[-1].hasta == intervalo.hasta
    assert all(a.hasta == b.desde for a, b in pairwise(partes))
    assert all(p.desde < p.hasta for p in partes)


@settings(max_examples=300)
@given(casos())
def test_no_request_crosses_midnight(caso: tuple[ZoneInfo, Intervalo]) -> None:
    """Each asks for one local day or a part of it, with hours in their order, or with none."""
    zona, intervalo = caso
    for v in ventanas(intervalo, zona):
        medianoche = datetime.combine(v.fecha, time())
        assert medianoche <= v.desde < v.hasta <= medianoche + UN_DIA
        assert local(v.intervalo.desde, zona).date() == v.fecha
        assert local(v.intervalo.hasta - timedelta(microseconds=1), zona).date() == v.fecha
        assert (v.hora_desde is None) == (v.hora_hasta is None)
        if v.hora_desde is not None and v.hora_hasta is not None:
            assert v.hora_desde < v.hora_hasta
            assert v.hora_desde.microsecond == v.hora_hasta.microsecond == 0


@settings(max_examples=400)
@given(casos(), st.data())
def test_every_sale_of_the_interval_comes(caso: tuple[ZoneInfo, Intervalo], data: st.DataObject) -> None:
    """A perfect server's answers, filtered by the windows, hold every sale whose instant is in the interval."""
    zona, intervalo = caso
    largo = (intervalo.hasta - intervalo.desde) // timedelta(microseconds=1)
    cuando = data.draw(st.sampled_from([0, largo - 1]) | st.integers(0, largo - 1))
    reloj = local(intervalo.desde + timedelta(microseconds=cuando), zona)
    vendida = reloj.replace(microsecond=0)  # what is known of a sale: its second (klk/wire.py)
    assert any(permite(v, reloj) and v.desde <= vendida < v.hasta for v in ventanas(intervalo, zona))


@settings(max_examples=150)
@given(casos())
def test_hours_never_exclude_a_second_that_belongs(caso: tuple[ZoneInfo, Intervalo]) -> None:
    """Every wall-clock second between `desde` and `hasta` passes the hours that are asked for."""
    for v in ventanas(caso[1], caso[0]):
        for reloj in (v.desde, v.desde.replace(microsecond=0), v.hasta - timedelta(microseconds=1)):
            assert permite(v, reloj)


@given(casos())
def test_days_are_those_that_the_requests_name(caso: tuple[ZoneInfo, Intervalo]) -> None:
    """`dias` names each day once and in order; only a day that the calendar skips gets no request."""
    zona, intervalo = caso
    fechas = dias(intervalo, zona)
    assert fechas == sorted(set(fechas))
    pedidas = {v.fecha for v in ventanas(intervalo, zona)}
    assert {f for f in fechas if dia(f, zona).desde != dia(f, zona).hasta} == pedidas


def test_half_an_hour_at_noon() -> None:
    """A usual window: one date, inclusive hours, and the store's own clock."""
    (v,) = ventanas(Intervalo(utc(2025, 11, 17, 15, 35), utc(2025, 11, 17, 16, 5)), CARACAS)
    assert (v.fecha, v.hora_desde, v.hora_hasta) == (date(2025, 11, 17), time(11, 35), time(12, 5))
    assert (v.desde, v.hasta) == (datetime(2025, 11, 17, 11, 35), datetime(2025, 11, 17, 12, 5))  # noqa: DTZ001


def test_across_midnight_there_are_two_requests() -> None:
    """23:35 to 00:05 is asked for as one request for each date (klk-api.md, trap 2)."""
    antes, despues = ventanas(Intervalo(utc(2025, 11, 18, 3, 35), utc(2025, 11, 18, 4, 5)), CARACAS)
    assert (antes.fecha, antes.hora_desde, antes.hora_hasta) == (date(2025, 11, 17), None, None)
    assert antes.desde == datetime(2025, 11, 17, 23, 35)  # noqa: DTZ001
    assert (despues.fecha, despues.hora_desde, despues.hora_hasta) == (date(2025, 11, 18), time(0, 0), time(0, 5))


def test_a_whole_day_is_asked_for_without_hours() -> None:
    """23:59:59 as the inclusive end would miss the day's last second."""
    (v,) = ventanas(dia(date(2025, 11, 17), CARACAS), CARACAS)
    assert v.hora_desde is None
    assert v.hora_hasta is None
    assert v.hasta - v.desde == UN_DIA


def test_a_day_with_a_repeated_hour_is_asked_for_whole() -> None:
    """Madrid's 02:30 happens twice on 2024-10-27: hours could not tell which."""
    madrid = ZoneInfo("Europe/Madrid")
    (v,) = ventanas(Intervalo(utc(2024, 10, 27, 0, 30), utc(2024, 10, 27, 1, 15)), madrid)
    assert v.hora_desde is None
    assert v.hasta - v.desde == UN_DIA


def test_fractions_are_rounded_outwards() -> None:
    """KLK understands whole seconds: the request takes in the broken ones at both ends."""
    (v,) = ventanas(Intervalo(utc(2025, 11, 17, 16, 0, 0, 500_000), utc(2025, 11, 17, 16, 5, 0, 1)), CARACAS)
    assert (v.hora_desde, v.hora_hasta) == (time(12, 0), time(12, 5, 1))


def test_fractions_up_to_midnight_need_no_hours() -> None:
    """An end that rounds up to midnight is no hour of that day."""
    (v,) = ventanas(Intervalo(utc(2025, 11, 18, 3), utc(2025, 11, 18, 3, 59, 59, 500_000)), CARACAS)
    assert v.hora_desde is None


@pytest.mark.parametrize("hasta", [utc(2025, 11, 17), utc(2025, 11, 16)])
def test_an_empty_interval_needs_no_request(hasta: datetime) -> None:
    """Nothing is asked for where there is nothing to read."""
    assert ventanas(Intervalo(utc(2025, 11, 17), hasta), CARACAS) == []


@pytest.mark.parametrize(
    ("zona", "fecha", "horas"),
    [
        ("America/Caracas", date(2025, 11, 17), 24),
        ("America/Caracas", date(2016, 5, 1), 23.5),
        ("Europe/Madrid", date(2024, 3, 31), 23),
        ("Europe/Madrid", date(2024, 10, 27), 25),
        ("America/Havana", date(2024, 11, 3), 25),
        ("America/Asuncion", date(2023, 10, 1), 23),
        ("Australia/Lord_Howe", date(2024, 4, 7), 24.5),
        ("Pacific/Apia", date(2011, 12, 30), 0),
    ],
)
def test_how_long_a_day_is(zona: str, fecha: date, horas: float) -> None:
    """A local day is as long as the zone's clock makes it."""
    d = dia(fecha, ZoneInfo(zona))
    assert d.hasta - d.desde == timedelta(hours=horas)


def test_a_clock_time_that_happens_twice_is_the_first() -> None:
    """The earlier reading asks for more, never for less."""
    assert instante(datetime(2024, 10, 27, 2, 30), ZoneInfo("Europe/Madrid")) == utc(2024, 10, 27, 0, 30)  # noqa: DTZ001
