"""The world's clock: stands, runs, runs fast, or is read from a callable."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Reloj:
    """What time it is in the world. All its methods may be called from any thread.

    Args:
        source: asked for the time (aware) at every request; wins over `now` until `set_now`.
        now: the time to begin at (aware). Without `source` and `now` it is the machine's time.
        factor: seconds of the world in a second of the machine; 0 makes it stand.

    Raises:
        ValueError: a time without a zone, or a negative factor.
    """

    def __init__(
        self,
        source: Callable[[], datetime] | None = None,
        *,
        now: datetime | None = None,
        factor: float = 1.0,
    ) -> None:
        self._lock = threading.Lock()
        self._source = source
        if now is None and source is None and factor == 1:
            self._source = _machine_time
        self._factor = _checked_factor(factor)
        self._base = _aware(now) if now is not None else _machine_time()
        self._since = time.monotonic()

    @property
    def factor(self) -> float:
        """Seconds of the world in a second of the machine."""
        return self._factor

    def now(self) -> datetime:
        """The world's time, in UTC."""
        with self._lock:
            return self._now()

    def set_now(self, now: datetime, *, factor: float | None = None) -> None:
        """Sets the time (aware). It stands there from now on, unless `factor` says how fast it goes on."""
        base, speed = _aware(now), _checked_factor(0.0 if factor is None else factor)
        with self._lock:
            self._source = None
            self._base = base
            self._factor = speed
            self._since = time.monotonic()

    def advance(self, span: timedelta) -> datetime:
        """Moves the time by `span`; a running clock goes on running. Returns the new time."""
        with self._lock:
            self._base = self._now() + span
            self._source = None
            self._since = time.monotonic()
            return self._base

    def _now(self) -> datetime:
        if self._source is not None:
            return _aware(self._source())
        return self._base + timedelta(seconds=(time.monotonic() - self._since) * self._factor)


def _machine_time() -> datetime:
    return datetime.now(UTC)


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"the clock needs a time zone: {instant.isoformat()}")
    return instant.astimezone(UTC)


def _checked_factor(factor: float) -> float:
    if not 0 <= factor < float("inf"):
        raise ValueError(f"the clock's factor must be 0 or more: {factor}")
    return factor
