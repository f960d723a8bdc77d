"""The daemon from start to end, on one page."""

import asyncio
import gc
import signal
import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from datetime import datetime
from typing import Any

import structlog

from klk_daemon.daemon.notify import Notifier
from klk_daemon.daemon.scheduler import Schedule
from klk_daemon.daemon.supervisor import Supervisor, watch
from klk_daemon.daemon.worker import Worker
from klk_daemon.domain import Job

log = structlog.get_logger()

# systemd and people wait 10 s (contract, "What a run guarantees", 8): what is not done by then is left to the repair.
DRAIN_S = 8.0
# Objects made since the last search for cycles: a run of four stores makes half a million, and leaves some hundred,
# which are looked for when it is over (bootstrap/marcha.py).
CYCLES_AFTER = 100_000


def look_for_cycles_seldom() -> None:
    """Sets the collector for a process that lives on: what was made until now stays, and is not gone through."""
    gc.freeze()
    gc.set_threshold(CYCLES_AFTER)


async def serve(
    *,
    workers: Mapping[Job, Worker],
    schedule: Schedule,
    ask: Callable[[Job, datetime], None],
    due: Mapping[Job, datetime],
    clock: Callable[[], datetime],
    notifier: Notifier,
    services: Mapping[str, Coroutine[Any, Any, None]],
    orders: Collection[asyncio.Task[None]],
    reload: Callable[[], None],
    stopping: Callable[[], None],
) -> None:
    """Runs until SIGTERM or SIGINT.

    Args:
        workers: one a job, in the order in which they are to begin.
        schedule: when they run.
        ask: asks for a run that was due at that time.
        due: the jobs to run at once, since they were missed or never ran, and when they were due.
        clock: the time, UTC.
        notifier: the service manager.
        services: what else runs as long as the daemon does, by name; its end ends the daemon.
        orders: the runs ordered by hand that are under way.
        reload: called on SIGHUP.
        stopping: called once the end has begun, before anything is waited for.

    Raises:
        KlkError: the schedule cannot be brought to fire; only a new process helps.
    """
    look_for_cycles_seldom()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)

    for job, since in due.items():
        ask(job, since)
    now = clock()
    schedule.arm(now)
    supervisor = Supervisor(schedule, ask, now=now, elapsed=time.monotonic())
    tasks = [asyncio.create_task(worker.work(), name=str(job)) for job, worker in workers.items()]
    tasks.append(asyncio.create_task(watch(supervisor, clock, notifier), name="supervisor"))
    tasks += [asyncio.create_task(service, name=name) for name, service in services.items()]
    log.info("daemon_iniciado", proximas={str(job): str(schedule.next_after(job, now)) for job in workers})
    notifier.ready("running")

    ended = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait([ended, *tasks], return_when=asyncio.FIRST_COMPLETED)

    notifier.stopping()
    schedule.stop()
    stopping()
    broken = [error for task in tasks if task.done() and (error := task.exception()) is not None]
    under_way = [ended, *tasks, *orders]
    for task in under_way:
        task.cancel()
    _, hanging = await asyncio.wait(under_way, timeout=DRAIN_S)
    log.info("daemon_detenido", colgados=[task.get_name() for task in hanging])
    gc.unfreeze()  # what is not gone through at the end DuckDB 2 takes for leaks, and prints
    for error in broken:  # these tasks end by cancellation alone: anything else must not pass for a quiet end
        raise error
