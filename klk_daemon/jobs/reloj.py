"""The time of one run."""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from klk_daemon.windows import local


@dataclass(frozen=True, slots=True)
class Reloj:
    """A run's instant, and what has passed since.

    Attributes:
        now: the run's instant, UTC.
        zona: the stores' time zone.
    """

    now: datetime
    zona: ZoneInfo
    _began: float = field(default_factory=time.monotonic)

    def instante(self) -> datetime:
        """The instant at this moment, UTC."""
        return self.now + timedelta(seconds=time.monotonic() - self._began)

    def local(self) -> datetime:
        """The stores' wall clock (naive) at this moment."""
        return local(self.instante(), self.zona)
