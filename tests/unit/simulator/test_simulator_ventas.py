"""When a sale is shown: the hour filter, arrival, annulment, correction, and the oracle that knows it all."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from simulator_client import NOW, small_world, ventas

from klk_daemon.simulator import Factura, Linea, Mundo, Simulador, simulador_en_hilo

MONDAY, TUESDAY = "2025-11-17", "2025-11-18"


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulador]:
    """A small world that stands at Tuesday noon."""
    with simulador_en_hilo(small_world()) as running:
        yield running


def _keys(rows: list[dict[str, Any]]) -> set[tuple[str, int]]:
    return {(row["numero_factura"], row["linea"]) for row in rows}


def test_same_seed_same_world() -> None:
    """Two worlds of one seed sell and hold the same; another seed, store or day differs."""
    one, two, other = small_world(seed=5), small_world(seed=5), small_world(seed=6)
    day = one.dia(date(2025, 11, 17))
    assert one.oraculo("SUC001", *day) == two.oraculo("SUC001", *day) != other.oraculo("SUC001", *day)
    assert one.oraculo("SUC001", *day) != one.oraculo("SUC002", *day)
    assert one.existencias("TANT") == two.existencias("TANT") != other.existencias("TANT")
    assert one.inventario("TANT", NOW).filas == two.inventario("TANT", NOW).filas


def test_order_of_questions_does_not_matter() -> None:
    """A day asked for after others is the same as one asked for first."""
    one, two = small_world(), small_world()
    one.facturas("SUC002", date(2025, 11, 16))
    assert one.facturas("SUC001", date(2025, 11, 17)) == two.facturas("SUC001", date(2025, 11, 17))


def test_hours_are_compared_within_each_day(sim: Simulador) -> None:
    """klk-api.md, trap 2: Monday 23:35 to Tuesday 00:05 in one request answers nothing, in two it does."""
    assert ventas(sim, MONDAY, TUESDAY, hora_desde="23:35", hora_hasta="00:05") == []
    assert ventas(sim, MONDAY, hora_desde="23:35")
    assert ventas(sim, TUESDAY, hora_hasta="00:05")
    mornings = ventas(sim, MONDAY, TUESDAY, hora_desde="09:00", hora_hasta="10:00")
    assert {row["fecha"] for row in mornings} == {MONDAY, TUESDAY}
    assert all("09" <= row["hora"] <= "10:00:00" for row in mornings)


def test_some_servers_take_the_hours_as_one_range() -> None:
    """With `rango_continuo` the same request answers both sides of midnight."""
    with simulador_en_hilo(small_world(rango_continuo=True)) as sim:
        rows = ventas(sim, MONDAY, TUESDAY, hora_desde="23:35", hora_hasta="00:05")
        assert {row["fecha"] for row in rows} == {MONDAY, TUESDAY}
        sides = ventas(sim, MONDAY, hora_desde="23:35") + ventas(sim, TUESDAY, hora_hasta="00:05")
        assert rows == sides


def test_hours_are_inclusive_to_the_tick() -> None:
    """`HH:MM` means `HH:MM:00`; a sale a fraction later is after it; one at the very second is in."""
    mundo = small_world(lineas_por_dia=3000)
    facturas = mundo.facturas("SUC001", date(2025, 11, 17))
    fraction = next(factura for factura in facturas if "." in factura.lineas[0].hora).lineas[0]
    whole = next(factura for factura in facturas if "." not in factura.lineas[0].hora).lineas[0]
    with simulador_en_hilo(mundo) as sim:
        second = fraction.hora[:8]
        key = fraction.numero_factura, fraction.linea
        assert key not in _keys(ventas(sim, MONDAY, hora_hasta=second))
        assert key in _keys(ventas(sim, MONDAY, hora_desde=second))
        exact = {"hora_desde": whole.hora, "hora_hasta": whole.hora}
        assert _keys(ventas(sim, MONDAY, **exact)) >= {(whole.numero_factura, whole.linea)}
    minute = [row for row in facturas if row.lineas[0].hora.startswith("12:")]
    with simulador_en_hilo(mundo) as sim:
        shown = _keys(ventas(sim, MONDAY, hora_desde="12:00", hora_hasta="12:59"))
        expected = {
            (linea.numero_factura, linea.linea)
            for factura in minute
            for linea in factura.lineas
            if linea.hora <= "12:59:00"
        }
        assert shown == expected


def test_days_begin_and_end_with_an_invoice(sim: Simulador) -> None:
    """One invoice in the first second and one in the last of every day, and a trickle through the night."""
    for day in ("2025-11-15", "2025-11-16", MONDAY):
        hours = sorted(row["hora"] for row in ventas(sim, day))
        assert hours[0].startswith("00:00:00")
        assert hours[-1].startswith("23:59:59.")
    # A filter that ends at 23:59:59 leaves the last one out.
    assert len(ventas(sim, MONDAY, hora_hasta="23:59:59")) < len(ventas(sim, MONDAY))
    opening = [row for row in ventas(sim, MONDAY) if "07" <= row["hora"] < "21"]
    assert len(opening) > 0.9 * len(ventas(sim, MONDAY))


def test_the_future_is_not_sold_yet(sim: Simulador) -> None:
    """At noon the day's sales end at noon; tomorrow there are none."""
    today = ventas(sim, TUESDAY)
    assert max(row["hora"] for row in today) <= "12:00:00"
    assert ventas(sim, TUESDAY, "2025-11-30") == today
    assert ventas(sim, "2025-11-19") == []


def test_the_default_rate() -> None:
    """A store sells about 5,800 lines a day, nearly all in opening hours."""
    mundo = Mundo(clock=lambda: NOW)
    rows = mundo.lineas("SUC001", *mundo.dia(date(2025, 11, 17)))
    assert 5500 < len(rows) < 6100


def test_a_store_that_sells_nothing() -> None:
    """No lines a day means none, not even at midnight."""
    assert small_world(lineas_por_dia=0).facturas("SUC001", date(2025, 11, 17)) == ()


def _restless() -> Mundo:
    return small_world(
        tardias=(0.3, timedelta(minutes=45)),
        anuladas=(0.1, timedelta(hours=5)),
        corregidas=(0.1, timedelta(hours=5)),
    )


def _tick(instant: datetime) -> int:
    return int((instant - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 10


def _at(ticks: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10)


def test_api_and_oracle_agree_at_any_instant() -> None:
    """While a day is sold, arrives, is annulled and corrected, the API answers what the oracle says."""
    mundo = _restless()
    begin, end = mundo.dia(date(2025, 11, 17))
    different = set()
    with simulador_en_hilo(mundo) as sim:
        for hours in (6, 10, 15.5, 21, 24, 24.5, 25.5):
            mundo.set_now(begin + timedelta(hours=hours))
            rows = ventas(sim, MONDAY)
            assert rows == mundo.oraculo("SUC001", begin, end)
            different.add(repr(rows))
        assert len(different) > 4
        mundo.set_now(begin + timedelta(hours=40))
        settled = ventas(sim, MONDAY)
        mundo.set_now(begin + timedelta(hours=400))
        assert ventas(sim, MONDAY) == settled


def _first(mundo: Mundo, name: str) -> Factura:
    def is_it(factura: Factura) -> bool:
        marks = {"corregida": factura.corregida, "anulada": factura.anulada}
        if name == "tardia":
            return factura.llegada > factura.venta and not any(marks.values())
        other = marks["anulada" if name == "corregida" else "corregida"]
        return marks[name] is not None and other is None

    return next(filter(is_it, mundo.facturas("SUC001", date(2025, 11, 17))))


def _shown(mundo: Mundo, factura: Factura, en: datetime) -> list[Linea]:
    rows = mundo.lineas("SUC001", *mundo.dia(date(2025, 11, 17)), en)
    return [row for row in rows if row.numero_factura == factura.numero]


def test_late_invoices_keep_their_old_times() -> None:
    """klk-api.md, trap 3: invisible until its arrival, at most the given time later; its `hora` is the sale's."""
    mundo = _restless()
    factura = _first(mundo, "tardia")
    arrival = _at(factura.llegada)
    assert timedelta() < arrival - _at(factura.venta) <= timedelta(minutes=45)
    assert _shown(mundo, factura, arrival - timedelta(microseconds=1)) == []
    shown = _shown(mundo, factura, arrival + timedelta(microseconds=1))
    assert shown == list(factura.lineas)
    sold = _at(factura.venta).astimezone(mundo.zona)
    assert shown[0].hora[:15] == sold.strftime("%H:%M:%S.%f")
    assert _tick(_at(factura.venta)) == factura.venta // 10 * 10


def test_annulled_invoices_vanish() -> None:
    """klk-api.md, trap 6: shown before the annulment, left out from then on."""
    mundo = _restless()
    factura = _first(mundo, "anulada")
    assert factura.anulada is not None
    moment = _at(factura.anulada)
    assert _shown(mundo, factura, moment - timedelta(microseconds=1)) == list(factura.lineas)
    assert _shown(mundo, factura, moment + timedelta(microseconds=1)) == []


def test_corrected_lines_come_back_with_other_values() -> None:
    """klk-api.md, trap 6: same key, other quantity, amounts and invoice total."""
    mundo = _restless()
    factura = _first(mundo, "corregida")
    assert factura.corregida is not None
    moment = _at(factura.corregida) + timedelta(microseconds=1)
    old, new = factura.lineas, _shown(mundo, factura, moment)
    assert new == list(factura.lineas_corregidas)
    assert [row[:2] for row in old] == [row[:2] for row in new]
    assert new[0].cantidad_vendida != old[0].cantidad_vendida
    assert new[0].venta_total_usd != old[0].venta_total_usd
    assert all(a.json != b.json for a, b in zip(old, new, strict=True))


def test_what_happens_later_does_not_change_the_sales() -> None:
    """The same seed sells the same, however many invoices are late or annulled."""
    calm, restless = small_world(), _restless()
    pairs = zip(
        calm.facturas("SUC001", date(2025, 11, 17)),
        restless.facturas("SUC001", date(2025, 11, 17)),
        strict=True,
    )
    assert all(one.lineas == two.lineas for one, two in pairs)


def test_oracle_limits_are_half_open() -> None:
    """A sale belongs to exactly one of two windows that meet; naive limits are the stores' local time."""
    mundo = small_world()
    begin, end = datetime(2025, 11, 16), datetime(2025, 11, 18)  # noqa: DTZ001 - naive on purpose
    cuts = [begin + timedelta(hours=hours) for hours in (0, 11, 24, 30.25)] + [end]
    parts = [mundo.oraculo("SUC001", a, b) for a, b in pairwise(cuts)]
    assert [row for part in parts for row in part] == mundo.oraculo("SUC001", begin, end)
    assert mundo.oraculo("SUC001", end, begin) == []


def test_oracle_and_stock_take_an_instant() -> None:
    """`en` overrides the clock; quantities change from half hour to half hour, and only then."""
    mundo = small_world()
    noon = datetime.combine(date(2025, 11, 17), time(12), tzinfo=mundo.zona)
    whole, half = (
        mundo.oraculo("SUC001", *mundo.dia(noon.date())),
        mundo.oraculo("SUC001", *mundo.dia(noon.date()), en=noon),
    )
    assert 0 < len(half) < len(whole)
    before, same, after = (mundo.existencias("TANT", noon + timedelta(minutes=minutes)) for minutes in (0, 29, 30))
    assert before == same != after
    assert before.keys() == after.keys()
    assert mundo.existencias("XXX", noon) == {}


def test_days_where_the_clocks_change() -> None:
    """In a zone with summer time, the days of 23 and 25 hours are sold through, in order, to their ends."""
    mundo = small_world(zona="America/New_York", lineas_por_dia=1000, clock=lambda: NOW)
    for day, length in ((date(2025, 3, 9), 23), (date(2025, 11, 2), 25)):
        begin, end = mundo.dia(day)
        assert end.astimezone(UTC) - begin.astimezone(UTC) == timedelta(hours=length)
        facturas = mundo.facturas("SUC001", day)
        assert all(_tick(begin) <= factura.venta < _tick(end) for factura in facturas)
        assert facturas[-1].lineas[0].hora.startswith("23:59:59")
    spring = {factura.lineas[0].hora[:2] for factura in mundo.facturas("SUC001", date(2025, 3, 9))}
    assert "02" not in spring


def test_days_are_made_again_when_they_were_dropped() -> None:
    """A world that keeps few lines answers the same as one that keeps them all."""
    mean, rich = small_world(lineas_en_memoria=1), small_world()
    days = [date(2025, 11, 14), date(2025, 11, 15), date(2025, 11, 14)]
    assert [mean.facturas("SUC001", day) for day in days] == [rich.facturas("SUC001", day) for day in days]


def test_more_stores() -> None:
    """Nineteen or 400 stores: the four first, every code once."""
    for many in (1, 4, 19, 400):
        mundo = small_world(tiendas=many)
        codes = [almacen.codigo for tienda in mundo.tiendas for almacen in tienda.almacenes]
        assert len(mundo.tiendas) == len({tienda.sucursal for tienda in mundo.tiendas}) == many
        assert len(codes) == len(set(codes))
        assert mundo.tiendas[0].sucursal == "SUC001"
    assert mundo.oraculo(mundo.tiendas[-1].sucursal, *mundo.dia(date(2025, 11, 17)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"tiendas": 0},
        {"articulos": -1},
        {"lineas_por_dia": -1},
        {"tardias": (1.5, timedelta(1))},
        {"anuladas": (0.5, timedelta(-1))},
    ],
)
def test_senseless_worlds_are_refused(wrong: dict[str, Any]) -> None:
    """A value out of range is a ValueError where it is given."""
    with pytest.raises(ValueError, match=r"\d"):
        small_world(**wrong)
