"""One run of a job at a time on a state directory, over all processes.

The locks are the operating system's: a process that dies lets go of them.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from klk_daemon.domain import Job
from klk_daemon.errors import OcupadoError

POLL_S = 0.1


class JobLocks:
    """The locks of the jobs. `folder` is the state directory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _lock(self, job: Job) -> FileLock:
        # A new object each time: one object lets its own process in twice.
        return FileLock(self._folder / f"{job}.lock", timeout=0, mode=0o600, thread_local=False)

    @asynccontextmanager
    async def turn(self, job: Job, *, wait: bool = True) -> AsyncIterator[None]:
        """Holds a job's lock, after waiting for the run of it that is under way.

        Raises:
            OcupadoError: there is one, and `wait` is False.
        """
        lock = self._lock(job)
        while not _acquired(lock):
            if not wait:
                raise OcupadoError(f"a run of {job} is under way", hint="without --no-wait it is waited for")
            await asyncio.sleep(POLL_S)
        try:
            yield
        finally:
            lock.release()

    def busy(self, job: Job) -> bool:
        """Whether a run of the job is under way, here or in another process."""
        lock = self._lock(job)
        if not _acquired(lock):
            return True
        lock.release()
        return False

    async def idle(self, job: Job, timeout_s: float) -> bool:
        """Waits while the job runs; False where it still does after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        lock = self._lock(job)
        while not _acquired(lock):
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(POLL_S)
        lock.release()
        return True


def _acquired(lock: FileLock) -> bool:
    try:
        lock.acquire()
    except Timeout:
        return False
    return True
