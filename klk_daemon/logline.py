"""One log line: what it says, and whether it is wanted. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from klk_daemon.errors import ConfigError
from klk_daemon.windows import instante, local

SEVERE = frozenset({"error", "critical"})
_SPAN = re.compile(r"(?:\d+[smhdw])+", re.ASCII)
_PART = re.compile(r"(\d+)([smhdw])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `data` is None where it is no JSON object; `at` is 0 where it tells no time."""

    raw: bytes
    job: str
    data: dict[str, Any] | None
    at: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines: those that pass all of it. One that is no JSON tells neither level, store nor time.

    Attributes:
        job: only this job's files.
        errors: only level error and above.
        tienda: only this store's.
        since: only from this instant on.
        first_day: the first store-local day whose files may hold such lines.
        last_day: the last one.
        run_id: only this run's.
    """

    job: str | None = None
    errors: bool = False
    tienda: str | None = None
    since: datetime | None = None
    first_day: date | None = None
    last_day: date | None = None
    run_id: str | None = None

    def line(self, raw: bytes, job: str) -> Line | None:
        """The line, if it is wanted. Most that are not are told by their bytes, which is quick."""
        if self._told_by_bytes(raw):
            return None
        line = parse(raw, job)
        return line if self._passes(line.data or {}, line.at) else None

    def _told_by_bytes(self, raw: bytes) -> bool:
        """Whether a line cannot be wanted, without its JSON being read."""
        if self.errors and b'"error"' not in raw and b'"critical"' not in raw:
            return True
        return any(name is not None and name.encode() not in raw for name in (self.tienda, self.run_id))

    def _passes(self, data: Mapping[str, Any], at: float) -> bool:
        return (
            (not self.errors or data.get("level") in SEVERE)
            and (self.tienda is None or data.get("tienda") == self.tienda)
            and (self.run_id is None or data.get("run_id") == self.run_id)
            and (self.since is None or at >= self.since.timestamp())
        )


def parse(raw: bytes, job: str) -> Line:
    """A line of a job's file, without its line break."""
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        return Line(raw, job, None, 0.0)
    return Line(raw, job, data, _timestamp(data.get("timestamp")))


def _timestamp(value: object) -> float:
    if not isinstance(value, str):
        return 0.0
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def since(text: str, *, zona: ZoneInfo, now: datetime) -> tuple[datetime, date]:
    """The instant that `--since` means, and its store-local day.

    Args:
        text: a date, `YYYY-MM-DDTHH:MM` in store time, or a time span back from now such as `2h`, `1h30m`, `3d`.
        zona: the stores' time zone.
        now: the present, UTC.

    Raises:
        ConfigError: something else.
    """
    try:
        if _SPAN.fullmatch(text):
            back = sum((timedelta(**{_UNITS[unit]: int(n)}) for n, unit in _PART.findall(text)), timedelta())
            moment = now - back
        else:
            clock = datetime.fromisoformat(text)
            moment = clock.astimezone(UTC) if clock.tzinfo else instante(clock, zona)
        return moment, local(moment, zona).date()
    except (ValueError, OverflowError) as e:
        hint = "such as 2025-11-17, 2025-11-17T12:30, 30m, 2h or 3d"
        raise ConfigError(f"--since {text}: not a date and not a time span", hint=hint) from e
