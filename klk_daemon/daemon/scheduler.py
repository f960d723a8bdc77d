"""When the jobs run. The only importer of APScheduler.

APScheduler only asks a worker for a run, which takes no time; so its own handling of jobs that overlap or come late
(it drops them) never comes into play.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from klk_daemon.domain import Job

# A fire that is late is still one fire, and many are one.
DEFAULTS = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}


class Schedule:
    """The cron expressions of the jobs, and what is asked when they fire.

    Args:
        crons: job to cron expression (settings/cron.py has written weekdays as names).
        zona: the time zone that they are meant in.
        ask: called with the job when it is due, and with the time that it was due at: a loop that was held up, or a
            machine that slept, fires late.
    """

    def __init__(self, crons: Mapping[Job, str], zona: ZoneInfo, ask: Callable[[Job, datetime], None]) -> None:
        self._ask = ask
        self._scheduler: AsyncIOScheduler | None = None
        self._due: dict[Job, datetime] = {}
        self.configure(crons, zona)

    def configure(self, crons: Mapping[Job, str], zona: ZoneInfo) -> None:
        """Takes other times; they hold from the next `arm` on."""
        self._zona = zona
        self._triggers = {job: CronTrigger.from_crontab(cron, timezone=zona) for job, cron in crons.items()}

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs that have a time."""
        return tuple(self._triggers)

    def arm(self, now: datetime) -> None:
        """Begins to fire from `now` on; needs the running event loop. A scheduler that was there is thrown away."""
        self.stop()
        self._scheduler = AsyncIOScheduler(timezone=self._zona, job_defaults=DEFAULTS)
        for job, trigger in self._triggers.items():
            due = self.next_after(job, now)
            if due is not None:
                self._due[job] = due
                self._scheduler.add_job(self._fire, trigger, args=[job], id=str(job), next_run_time=due)
        self._scheduler.start()

    async def _fire(self, job: Job) -> None:
        """A coroutine, so that APScheduler calls it in the loop: anything else it gives to a thread."""
        due = self._due.pop(job)
        armed = self._scheduler.get_job(str(job)) if self._scheduler is not None else None
        if armed is not None and armed.next_run_time is not None:
            self._due[job] = armed.next_run_time
        self._ask(job, due)

    def stop(self) -> None:
        """Fires no more."""
        if self._scheduler is not None and self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        self._scheduler = None
        self._due.clear()

    def late(self, limit: datetime) -> dict[Job, datetime]:
        """The jobs that should have fired by `limit` and have not, though armed, and when they were due.

        One that APScheduler has taken up and not called yet is among them: `arm` and `stop` cancel it.
        """
        return {job: due for job, due in self._due.items() if due <= limit}

    def next_after(self, job: Job, instant: datetime) -> datetime | None:
        """The first time after `instant` at which the job is due; None where it never is."""
        due: datetime | None = self._triggers[job].get_next_fire_time(instant, instant)
        return due

    def missed(self, job: Job, last_run: datetime | None, now: datetime) -> datetime | None:
        """When the job was first due since the start of its last run, if it was; one that never ran is due now."""
        due = now if last_run is None else self.next_after(job, last_run)
        return due if due is not None and due <= now else None
