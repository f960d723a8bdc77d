"""Quiet hours and the hour of the daily summary, in store time. Pure."""

from collections.abc import Sequence
from datetime import datetime, time


def is_quiet(reloj: datetime, hours: Sequence[str]) -> bool:
    """Whether people are to be left alone now.

    Args:
        reloj: the stores' wall clock, naive.
        hours: nothing, or start and end as `HH:MM`; they may lie on two days.
    """
    if not hours:
        return False
    start, end = (time.fromisoformat(text) for text in hours)
    now = reloj.time()
    return start <= now < end if start < end else now >= start or now < end


def summary_due(reloj: datetime, at: str, quiet: Sequence[str]) -> bool:
    """Whether the hour of the daily summary has come, and people are not asleep."""
    return bool(at) and reloj.time() >= time.fromisoformat(at) and not is_quiet(reloj, quiet)
