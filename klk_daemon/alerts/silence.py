"""When a store is silent: it has had no sale for longer than it ever had at this hour. Pure.

Learned from the store's own last four weeks, the same weekday of each, in half hours. There is no calendar of
holidays: one such day in four weeks does not change what is normal, and on the holiday itself all stores are silent
together, which is one message.
"""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

WEEKS = 4
# Below this nothing is known of a store.
LEAST_WEEKS = 2
# In how many of the weeks a half hour must have had sales to be one in which the store sells.
NORMAL_SHARE = 0.75
# A store is given an hour at least.
LEAST_SLOTS = 2
SLOT = timedelta(minutes=30)


def weekdays(fecha: date) -> list[date]:
    """The same weekday of the weeks before."""
    return [fecha - timedelta(weeks=n) for n in range(1, WEEKS + 1)]


def slot(hora: time) -> int:
    """The half hour of a time of day, 0 to 47."""
    return hora.hour * 2 + hora.minute // 30


def silent(sold: Mapping[date, frozenset[int]], ultima: datetime | None, leida: datetime) -> bool:
    """Whether a store should have sold something since its newest sale.

    Args:
        sold: for each of the weekdays before on which it sold at all: the half hours with sales.
        ultima: its newest sale, naive local time; None where it has been none for days.
        leida: up to when its sales have been read, naive local time; only whole half hours before it count.
    """
    weeks = [slots for slots in sold.values() if slots]
    if len(weeks) < LEAST_WEEKS:
        return False
    normal = sorted(n for n in range(48) if sum(n in slots for slots in weeks) >= NORMAL_SHARE * len(weeks))
    inicio = datetime.combine(leida.date(), time())
    past = int((leida - inicio) / SLOT)
    first = 0 if ultima is None or ultima < inicio else slot(ultima.time()) + 1
    if past - 1 not in normal:  # closed at this hour, or nearly so
        return False
    empty = sum(first <= n < past for n in normal)
    return empty >= LEAST_SLOTS and empty > max(_longest_pause(normal, slots) for slots in weeks)


def _longest_pause(normal: list[int], slots: frozenset[int]) -> int:
    """The most half hours in a row in which a store that normally sells sold nothing, before its day's last sale."""
    longest = here = 0
    for n in normal:
        here = 0 if n in slots else here + 1
        if any(later > n for later in slots):
            longest = max(longest, here)
    return longest
