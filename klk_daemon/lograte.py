"""A message that repeats itself is written a few times a minute, then only counted."""

import time
from collections.abc import Callable

import structlog
from structlog.typing import EventDict, WrappedLogger

LIMIT = 5
WINDOW_S = 60.0
# More different messages than this within a window are no flood of one; the oldest are forgotten.
REMEMBERED = 1000


class RateLimit:
    """A structlog processor. The same message is the same event with the same fields: two runs' are never.

    Args:
        clock: seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[float, int]] = {}

    def __call__(self, _logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        """Lets a message pass, with how many were left out before it (`omitidas`).

        Raises:
            structlog.DropEvent: it was written often enough in this window.
        """
        key = repr(sorted(event.items(), key=lambda item: item[0]))
        now = self._clock()
        since, times = self._seen.pop(key, (now, 0))
        omitted = 0
        if now - since >= WINDOW_S:
            since, times, omitted = now, 0, max(0, times - LIMIT)
        self._seen[key] = (since, times + 1)
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        if times >= LIMIT:
            raise structlog.DropEvent
        return {**event, "omitidas": omitted} if omitted else event
