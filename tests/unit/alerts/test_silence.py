"""When a store is silent: longer without a sale than it ever was at this hour."""

from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from klk_daemon.alerts.silence import silent, slot, weekdays

HOY = date(2025, 11, 17)
OPEN = frozenset(range(16, 40))  # 08:00 to 20:00


def at(hora: str) -> datetime:
    """A time of today."""
    return datetime.fromisoformat(f"{HOY}T{hora}")


def weeks(*slots: frozenset[int]) -> dict[date, frozenset[int]]:
    """The weekdays before, newest first."""
    return dict(zip(weekdays(HOY), slots, strict=False))


REGULAR = weeks(OPEN, OPEN, OPEN, OPEN)


def test_busy_store_without_sales() -> None:
    """It sells in every half hour; an hour without is silence, half an hour is not."""
    assert silent(REGULAR, at("10:02"), at("12:05"))
    assert silent(REGULAR, at("10:02"), at("11:35"))
    assert not silent(REGULAR, at("10:02"), at("11:25"))
    assert not silent(REGULAR, at("11:40"), at("12:05"))


def test_closed() -> None:
    """At night nobody sells: neither before the opening, nor after closing time."""
    yesterday = at("20:03") - timedelta(days=1)
    for hora in ("02:05", "07:55", "08:05", "08:35", "21:05", "23:59"):
        assert not silent(REGULAR, yesterday if hora < "12" else at("19:58"), at(hora)), hora


def test_does_not_open() -> None:
    """A store that did not open is silent an hour after it should have."""
    yesterday = at("19:58") - timedelta(days=1)
    assert silent(REGULAR, yesterday, at("09:05"))
    assert silent(REGULAR, None, at("09:05"))


def test_quiet_store() -> None:
    """A store that once had two hours without a sale is given more than that."""
    pause = OPEN - {20, 21, 22, 23}
    assert not silent(weeks(OPEN, OPEN, OPEN, pause), at("11:59"), at("14:05"))
    assert silent(weeks(OPEN, OPEN, OPEN, pause), at("11:29"), at("14:05"))


def test_new_store() -> None:
    """One week says nothing; two do."""
    assert not silent(weeks(OPEN), at("10:02"), at("15:05"))
    assert silent(weeks(OPEN, OPEN), at("10:02"), at("15:05"))


def test_holiday_among_the_weeks() -> None:
    """A week in which it was closed all day does not count; one in which it closed early makes no difference."""
    assert silent(weeks(OPEN, frozenset(), OPEN, OPEN), at("10:02"), at("12:05"))
    assert silent(weeks(OPEN, frozenset(range(16, 20)), OPEN, OPEN), at("10:02"), at("12:05"))


def test_slots() -> None:
    """Half hours of the day."""
    assert [slot(at(hora).time()) for hora in ("00:00", "08:29", "08:30", "23:59")] == [0, 16, 17, 47]
    assert weekdays(HOY)[0].weekday() == HOY.weekday()


@given(
    st.lists(st.frozensets(st.integers(0, 47)), max_size=4),
    st.integers(0, 47),
    st.integers(1, 47),
)
def test_a_sale_ends_it(days: list[frozenset[int]], last: int, past: int) -> None:
    """Whatever the weeks were like: who has sold within the last hour is never silent."""
    leida = at("00:00") + timedelta(minutes=30) * past
    assert not silent(weeks(*days), leida - timedelta(minutes=59), leida)
    ultima = at("00:00") + timedelta(minutes=30) * last
    if ultima < leida and silent(weeks(*days), ultima, leida):
        assert leida - ultima > timedelta(hours=1)
