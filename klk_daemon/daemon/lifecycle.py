"""The daemon from start to end, on one page."""

import asyncio
import signal
import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime

import structlog

from klk_daemon.daemon.scheduler import Schedule
from klk_daemon.daemon.supervisor import Supervisor, watch
from klk_daemon.daemon.worker import Worker
from klk_daemon.domain import Job
from klk_daemon.warehouse.connection import Database

log = structlog.get_logger()

# systemd and people wait 10 s (contract, "What a run guarantees", 8): what is not done by then is left to the repair.
DRAIN_S = 8.0


async def serve(
    *,
    workers: Mapping[Job, Worker],
    schedule: Schedule,
    database: Database,
    due: Collection[Job],
    clock: Callable[[], datetime],
) -> None:
    """Runs until SIGTERM or SIGINT.

    Args:
        workers: one a job, in the order in which they are to begin.
        schedule: when they run; asks the workers.
        database: told not to wait for other processes once the end has come.
        due: the jobs to run at once: they were missed, or never ran.
        clock: the time, UTC.

    Raises:
        KlkError: the schedule cannot be brought to fire; only a new process helps.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    for job in due:
        workers[job].ask()
    now = clock()
    schedule.arm(now)
    supervisor = Supervisor(schedule, lambda job: workers[job].ask(), now=now, elapsed=time.monotonic())
    tasks = [asyncio.create_task(worker.work(), name=str(job)) for job, worker in workers.items()]
    tasks.append(asyncio.create_task(watch(supervisor, clock), name="supervisor"))
    log.info("daemon_iniciado", proximas={str(job): str(schedule.next_after(job, now)) for job in workers})

    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)

    schedule.stop()
    database.stop_waiting()
    broken = [error for task in tasks if task.done() and (error := task.exception()) is not None]
    for task in [stopping, *tasks]:
        task.cancel()
    _, hanging = await asyncio.wait(tasks, timeout=DRAIN_S)
    log.info("daemon_detenido", colgados=[task.get_name() for task in hanging])
    for error in broken:  # these tasks end by cancellation alone: anything else must not pass for a quiet end
        raise error
