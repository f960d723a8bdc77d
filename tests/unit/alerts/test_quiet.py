"""Quiet hours and the summary's hour, in store time."""

from datetime import datetime

import pytest

from klk_daemon.alerts.quiet import is_quiet, summary_due

NIGHT = ("22:00", "06:00")


def at(hora: str) -> datetime:
    """A time of a day."""
    return datetime.fromisoformat(f"2025-11-17T{hora}:30")


@pytest.mark.parametrize(
    ("hours", "hora", "quiet"),
    [
        ((), "03:00", False),
        (NIGHT, "21:59", False),
        (NIGHT, "22:00", True),
        (NIGHT, "00:00", True),
        (NIGHT, "05:59", True),
        (NIGHT, "06:00", False),
        (("13:00", "15:00"), "12:59", False),
        (("13:00", "15:00"), "14:59", True),
        (("13:00", "15:00"), "15:00", False),
    ],
)
def test_quiet(hours: tuple[str, ...], hora: str, quiet: bool) -> None:
    """The start belongs to them, the end does not; they may cross midnight."""
    assert is_quiet(at(hora), hours) is quiet


def test_summary() -> None:
    """From its hour on, and never in quiet hours."""
    assert not summary_due(at("09:00"), "", ())
    assert not summary_due(at("07:59"), "08:00", ())
    assert summary_due(at("08:00"), "08:00", ())
    assert not summary_due(at("05:30"), "05:00", NIGHT)
    assert summary_due(at("06:00"), "05:00", NIGHT)
