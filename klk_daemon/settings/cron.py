"""A cron expression as crontab(5) reads it, in words that APScheduler reads the same way.

APScheduler counts weekdays from Monday, cron from Sunday, so "0 3 * * 0" would silently run on Mondays.
Weekday numbers are therefore written out as names here, once, before anybody schedules by them.
"""

from typing import Final

_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final = 5
_LAST_DAY: Final = 7  # cron has two Sundays: 0 and 7

# The defaults are known to be good: a process that uses them need not import APScheduler (about 26 ms).
DEFAULTS: Final = {"inventario": "0,30 * * * *", "ventas": "5,35 * * * *", "conciliacion": "15 3 * * *"}


def check_cron(text: str) -> str:
    """Check a cron expression against the scheduler that will run it.

    Args:
        text: Five fields: minute, hour, day of the month, month, day of the week (0 or 7 is Sunday).

    Returns:
        The expression with single spaces and its weekday numbers as names.

    Raises:
        ValueError: The scheduler would not take it; the text says why.
    """
    if text in DEFAULTS.values():
        return text
    fields = text.split()
    if len(fields) != _FIELDS:
        raise ValueError(f"it has {len(fields)} fields")
    fields[4] = ",".join(_named(part) for part in fields[4].lower().split(","))
    expression = " ".join(fields)
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415 - not paid for by the defaults

    CronTrigger.from_crontab(expression, timezone="UTC")
    return expression


def _named(part: str) -> str:
    """One comma-separated part of the weekday field, its numbers as names."""
    span, _, step = part.partition("/")
    first, _, last = span.partition("-")
    if span == "*" and step:
        first, last = "0", "6"
    if not _is_number(first) or not _is_number(last or first) or not _is_number(step or "1"):
        return part  # names, "*", or nonsense that the scheduler refuses in its own words
    start, end = int(first), int(last or first)
    if not 0 <= start <= end <= _LAST_DAY:
        raise ValueError(f"weekday {span} is not within 0-7")
    if step and int(step) == 0:
        raise ValueError("the step is 0")
    if step and not last:
        end = 6  # "2/2" is every second day from Tuesday on
    return ",".join(dict.fromkeys(_DAYS[day % 7] for day in range(start, end + 1, int(step or "1"))))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
