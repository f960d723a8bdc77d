"""The range of sales that an operator names by hand."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klk_daemon.domain import Modo
from klk_daemon.errors import ConfigError
from klk_daemon.ranges import a_mano, dias_enteros, hoy

CARACAS = ZoneInfo("America/Caracas")
NOW = datetime(2025, 11, 20, 16, 0, tzinfo=UTC)


def test_dates_are_inclusive() -> None:
    """Two dates mean all of both days, by the stores' midnight."""
    rango = a_mano("2025-11-17", "2025-11-18", zona=CARACAS, now=NOW)
    assert rango.intervalo.desde == datetime(2025, 11, 17, 4, tzinfo=UTC)
    assert rango.intervalo.hasta == datetime(2025, 11, 19, 4, tzinfo=UTC)
    assert rango.modo is Modo.RECUPERACION


def test_one_date_twice_is_that_day() -> None:
    """The same date twice means that whole day."""
    intervalo = a_mano("2025-11-17", "2025-11-17", zona=CARACAS, now=NOW).intervalo
    assert intervalo.hasta - intervalo.desde == timedelta(days=1)


@pytest.mark.parametrize("separator", ["T", " "])
def test_times_are_exclusive(separator: str) -> None:
    """With a time the end does not belong to the range."""
    intervalo = a_mano(f"2025-11-17{separator}12:30", f"2025-11-17{separator}13:00", zona=CARACAS, now=NOW).intervalo
    assert intervalo.desde == datetime(2025, 11, 17, 16, 30, tzinfo=UTC)
    assert intervalo.hasta == datetime(2025, 11, 17, 17, 0, tzinfo=UTC)


def test_without_an_end_it_reaches_now() -> None:
    """No `--hasta` means until now."""
    assert a_mano("2025-11-17", None, zona=CARACAS, now=NOW).intervalo.hasta == NOW


def test_the_future_is_left_out() -> None:
    """Sales that were not made yet have not been read."""
    assert a_mano("2025-11-20", "2025-12-31", zona=CARACAS, now=NOW).intervalo.hasta == NOW


def test_completo_is_today_from_midnight() -> None:
    """`--completo` begins at the stores' midnight, not at UTC's."""
    rango = hoy(zona=CARACAS, now=datetime(2025, 11, 21, 2, 0, tzinfo=UTC))
    assert rango.intervalo.desde == datetime(2025, 11, 20, 4, tzinfo=UTC)
    assert rango.modo is Modo.COMPLETO


@pytest.mark.parametrize(
    ("desde", "hasta", "said"),
    [
        ("ayer", None, "--desde ayer: not a date"),
        ("2025-13-01", None, "not a date"),
        ("2025-11-17T25:00", None, "not a date"),
        ("", None, "not a date"),
        ("2025-11-17", "mañana", "--hasta mañana: not a date"),
        ("2025-11-17T10:00Z", None, "has a time zone"),
        ("2025-11-17T10:00-04:00", None, "has a time zone"),
        ("2025-11-18", "2025-11-17", "is not before"),
        ("2025-11-17T10:00", "2025-11-17T10:00", "is not before"),
        ("2025-11-21", None, "lies in the future"),
        ("2025-11-20T12:00", None, "lies in the future"),
        ("0001-01-01", "0001-01-01T00:00", "is not before"),
    ],
)
def test_nonsense_is_refused(desde: str, hasta: str | None, said: str) -> None:
    """What is no range is a usage error (exit 2) that says what is expected."""
    with pytest.raises(ConfigError, match=said) as refused:
        a_mano(desde, hasta, zona=CARACAS, now=NOW)
    assert refused.value.hint


@pytest.mark.parametrize("zone", ["America/Caracas", "Europe/Madrid", "Pacific/Apia"])
@pytest.mark.parametrize(("desde", "hasta"), [("2025-11-17", "9999-12-31"), ("0001-01-01", "2025-11-17")])
def test_the_ends_of_the_calendar_are_no_traceback(zone: str, desde: str, hasta: str) -> None:
    """`9999-12-31` is a usual way to say "all that follows": taken, or refused in a sentence."""
    try:
        intervalo = a_mano(desde, hasta, zona=ZoneInfo(zone), now=NOW).intervalo
    except ConfigError:
        return
    assert intervalo.desde < intervalo.hasta <= NOW


@given(st.text(max_size=24), st.none() | st.text(max_size=24))
def test_any_text_is_a_range_or_a_usage_error(desde: str, hasta: str | None) -> None:
    """Nothing that is typed ends in a traceback."""
    try:
        intervalo = a_mano(desde, hasta, zona=CARACAS, now=NOW).intervalo
    except ConfigError:
        return
    assert intervalo.desde < intervalo.hasta <= NOW


@given(st.dates(), st.dates())
def test_any_dates_are_a_range_or_a_usage_error(desde: object, hasta: object) -> None:
    """No date of the calendar ends in a traceback."""
    try:
        intervalo = a_mano(str(desde), str(hasta), zona=ZoneInfo("Europe/Madrid"), now=NOW).intervalo
    except ConfigError:
        return
    assert intervalo.desde < intervalo.hasta <= NOW


@pytest.mark.parametrize(
    ("desde", "hasta", "dias"),
    [
        ("2025-11-17", "2025-11-18", (17, 19)),
        ("2025-11-17T10:00", "2025-11-18T10:00", (17, 19)),
        ("2025-11-17", "2025-11-18T00:00", (17, 18)),
        ("2025-11-19", None, (19, 20)),
        ("2025-11-19", "2025-12-31", (19, 20)),
    ],
)
def test_conciliacion_takes_whole_past_days(desde: str, hasta: str | None, dias: tuple[int, int]) -> None:
    """The days that the range touches, without today, which is not over."""
    intervalo = dias_enteros(a_mano(desde, hasta, zona=CARACAS, now=NOW), zona=CARACAS, now=NOW).intervalo
    assert (intervalo.desde, intervalo.hasta) == tuple(datetime(2025, 11, d, 4, tzinfo=UTC) for d in dias)


def test_conciliacion_of_today_is_refused() -> None:
    """A day that is not over cannot be compared."""
    with pytest.raises(ConfigError, match="today is not over"):
        dias_enteros(hoy(zona=CARACAS, now=NOW), zona=CARACAS, now=NOW)
