"""Times in ticks of 100 ns: `hora` has up to 7 decimals (klk-api.md), a `datetime` only six."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SECOND = 10_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_HORA = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")


def ticks(instant: datetime) -> int:
    """Ticks from 1970-01-01 UTC to `instant`.

    Raises:
        ValueError: `instant` carries no time zone.
    """
    if instant.tzinfo is None:
        raise ValueError(f"an instant needs a time zone: {instant.isoformat()}")
    return ticks_of(instant - EPOCH)


def ticks_of(span: timedelta) -> int:
    """The length of `span` in ticks."""
    return (span.days * 86_400 + span.seconds) * SECOND + span.microseconds * 10


def hora_text(tick_of_day: int) -> str:
    """`hora` as on the wire, trailing zeros dropped: `12:19:56.8966141`, `12:19:56`."""
    seconds, fraction = divmod(tick_of_day, SECOND)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    text = f"{hour:02}:{minute:02}:{second:02}"
    return f"{text}.{fraction:07}".rstrip("0") if fraction else text


def parse_hora(text: str) -> int:
    """Tick of the day of a filter's `HH:MM` (meaning `HH:MM:00`) or `HH:MM:SS`.

    Raises:
        ValueError: anything else.
    """
    match = _HORA.fullmatch(text)
    if match is None:
        raise ValueError(f"hora inválida: {text}")
    hour, minute, second = (int(part or 0) for part in match.groups())
    return hour * HOUR + minute * MINUTE + second * SECOND


@dataclass(frozen=True, slots=True)
class Dia:
    """One local day of the stores: its date, and its two ends in ticks."""

    fecha: date
    zona: ZoneInfo
    begin: int
    end: int

    @classmethod
    def of(cls, fecha: date, zona: ZoneInfo) -> "Dia":
        """The day `fecha` in `zona`: 23 or 25 hours long where the clocks change."""
        begin = datetime.combine(fecha, time.min, tzinfo=zona)
        end = datetime.combine(fecha + timedelta(days=1), time.min, tzinfo=zona)
        return cls(fecha, zona, ticks(begin), ticks(end))

    def tick_of_day(self, elapsed: int) -> int:
        """What the wall clock shows `elapsed` ticks after the day's beginning, as ticks from 00:00."""
        if self.end - self.begin == DAY:
            return elapsed
        instant = self.begin + elapsed
        local = (EPOCH + timedelta(microseconds=instant // 10)).astimezone(self.zona)
        seconds = (local.hour * 60 + local.minute) * 60 + local.second
        return seconds * SECOND + local.microsecond * 10 + instant % 10
