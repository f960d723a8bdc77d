"""One worker a job: it runs when asked, one run at a time, and asking it while it runs means once more afterwards.

So no fire of the schedule is dropped, whatever keeps the job busy, and ten of them make one run (contract, "What a
run guarantees", 9). Such a run is counted as one that the schedule missed and made up.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from klk_daemon.domain import Job
from klk_daemon.errors import KlkError

log = structlog.get_logger()


class Worker:
    """Runs one job on demand, for ever.

    Args:
        job: its name.
        run: does one run; an error from it is logged, and the next run tries again.
        make_up: called as a run begins that makes up what was asked for while the job ran, or too late.
    """

    def __init__(self, job: Job, run: Callable[[], Awaitable[object]], make_up: Callable[[], None]) -> None:
        self.job = job
        self._run = run
        self._make_up = make_up
        self._running = False
        self._late = False
        self._asked = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def ask(self, *, late: bool = False) -> None:
        """Asks for a run: now, or after the one under way. `late`: it cannot begin in its time any more."""
        self._late = self._late or late or self._running
        self._asked.set()
        self._idle.clear()

    async def idle(self) -> None:
        """Returns once no run is under way or asked for."""
        await self._idle.wait()

    async def work(self) -> None:
        """Runs whenever asked, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            if self._late:
                self._make_up()
            self._late, self._running = False, True
            try:
                await self._run()
            except KlkError as e:
                log.error("corrida_imposible", job=str(self.job), error=str(e))  # noqa: TRY400 - not a bug, no traceback
            except Exception:  # a bug in one run must not keep the next, or another job, from running
                log.exception("error_interno", job=str(self.job))
            self._running = False
            if not self._asked.is_set():
                self._idle.set()
