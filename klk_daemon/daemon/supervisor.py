"""Watches the schedule by the wall clock, independently of APScheduler.

Loop timers stand still while a machine sleeps, a clock that is set back delays the next run by as much, and one
exception inside APScheduler's wake-up stops every job while it says that it is running (architecture.md, "Traps,
measured"). So every half minute the time that has passed by the wall clock is held against the time that has passed
for this process, and what should have fired against what did.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog

from klk_daemon.daemon.notify import Notifier
from klk_daemon.daemon.scheduler import Schedule
from klk_daemon.domain import Job
from klk_daemon.errors import KlkError

log = structlog.get_logger()

TICK_S = 30.0
# Clocks are nudged by a second or two all the time.
JUMP = timedelta(seconds=10)
# How long after its time a job may still be waiting for the schedule to fire it.
LATE = timedelta(seconds=60)


class Supervisor:
    """Notices sleep, clock jumps and a dead schedule, and mends what can be mended.

    Args:
        schedule: what it watches.
        ask: asks for a run of a job that was due at that time: makes up once what was missed.
        now: the wall clock, UTC.
        elapsed: seconds that have passed for this process (monotonic).
    """

    def __init__(
        self, schedule: Schedule, ask: Callable[[Job, datetime], None], *, now: datetime, elapsed: float
    ) -> None:
        self._schedule = schedule
        self._ask = ask
        self._now = now
        self._elapsed = elapsed
        self._rearmed = False

    def check(self, *, now: datetime, elapsed: float) -> None:
        """One look, at the wall clock's `now` and the process's `elapsed` seconds.

        Raises:
            KlkError: the schedule does not fire although it was armed anew: only a new process helps.
        """
        jump = (now - self._now) - timedelta(seconds=elapsed - self._elapsed)
        self._now, self._elapsed = now, elapsed
        if abs(jump) > JUMP:
            log.warning(
                "reloj_salto", segundos=round(jump.total_seconds()), sentido="adelante" if jump > JUMP else "atras"
            )
            # What the schedule has fired by itself since the machine woke is not asked for again.
            self._make_up(self._schedule.late(now))
            self._schedule.arm(now)
            return
        late = self._schedule.late(now - LATE)
        if not late:
            self._rearmed = False
            return
        if self._rearmed:
            raise KlkError(
                f"the schedule does not fire ({', '.join(late)}), though it was armed anew",
                hint="the process ends, for the service manager to start it again",
            )
        log.error("planificador_rearmado", jobs=[str(job) for job in late])
        self._make_up(late)
        self._schedule.arm(now)
        self._rearmed = True

    def _make_up(self, late: Mapping[Job, datetime]) -> None:
        """Asks once for each job that was due while the machine slept, or the clock passed over its time."""
        for job, due in late.items():
            self._ask(job, due)


async def watch(supervisor: Supervisor, clock: Callable[[], datetime], notifier: Notifier) -> None:
    """Looks every half minute, or twice as often as the service manager wants to hear of us, for ever.

    The watchdog is fed here alone: a loop that does not turn, or a schedule that cannot be brought to fire, starves it.

    Raises:
        KlkError: see `Supervisor.check`.
    """
    tick_s = min(TICK_S, notifier.watchdog_s / 2) if notifier.watchdog_s else TICK_S
    while True:
        notifier.alive()
        await asyncio.sleep(tick_s)
        supervisor.check(now=clock(), elapsed=time.monotonic())
