"""A message that repeats itself does not flood the log."""

import pytest
import structlog

from klk_daemon.lograte import LIMIT, WINDOW_S, RateLimit


class Clock:
    """Seconds, set by hand."""

    now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def test_only_counted_after_a_few() -> None:
    """The sixth of the same within a minute is dropped; the first after it says how many were."""
    clock = Clock()
    limit = RateLimit(clock)
    message = {"event": "bd_no_leida", "level": "warning", "error": "x"}
    for _ in range(LIMIT):
        assert limit(None, "", dict(message)) == message
    for _ in range(7):
        with pytest.raises(structlog.DropEvent):
            limit(None, "", dict(message))
    clock.now = WINDOW_S
    assert limit(None, "", dict(message)) == message | {"omitidas": 7}


def test_other_fields_are_another_message() -> None:
    """Each run's begin and end are written, however many there are."""
    limit = RateLimit(Clock())
    for n in range(100):
        assert limit(None, "", {"event": "etl_iniciado", "run_id": n})["run_id"] == n


def test_it_forgets() -> None:
    """Any number of different messages takes a bounded room."""
    limit = RateLimit(Clock())
    for n in range(5000):
        limit(None, "", {"event": "e", "n": n})
    assert len(limit._seen) <= 1000
