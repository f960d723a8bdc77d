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


class Schedule:
    """The cron expressions of the jobs, and what is asked when they fire.

    Args:
        crons: job to cron expression (settings/cron.py has written weekdays as names).
        zona: the time zone that they are meant in.
        ask: called with the job when it is due.
    """

    def __init__(self, crons: Mapping[Job, str], zona: ZoneInfo, ask: Callable[[Job], None]) -> None:
        self._triggers = {job: CronTrigger.from_crontab(cron, timezone=zona) for job, cron in crons.items()}
        # A fire that is late is still one fire, and many are one.
        defaults = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        self._scheduler = AsyncIOScheduler(timezone=zona, job_defaults=defaults)
        for job, trigger in self._triggers.items():
            self._scheduler.add_job(ask, trigger, args=[job], id=str(job))

    def start(self) -> None:
        """Begins to fire; needs the running event loop."""
        self._scheduler.start()

    def stop(self) -> None:
        """Fires no more."""
        self._scheduler.shutdown(wait=False)

    def next_after(self, job: Job, instant: datetime) -> datetime | None:
        """The first time after `instant` at which the job is due; None where it never is."""
        due: datetime | None = self._triggers[job].get_next_fire_time(instant, instant)
        return due

    def missed(self, job: Job, last_run: datetime | None, now: datetime) -> bool:
        """Whether the job was due between the start of its last run and now; one that never ran was."""
        if last_run is None:
            return True
        due = self.next_after(job, last_run)
        return due is not None and due <= now
