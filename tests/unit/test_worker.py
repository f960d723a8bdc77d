"""The daemon's workers: no fire is dropped, none runs twice over (contract, "What a run guarantees", 9)."""

import asyncio

from structlog.testing import capture_logs

from klk_daemon.daemon.worker import Worker
from klk_daemon.domain import Job
from klk_daemon.errors import ConfigError


class Slow:
    """A run that ends when told."""

    def __init__(self) -> None:
        self.begun = 0
        self.end = asyncio.Event()

    async def __call__(self) -> None:
        """One run."""
        self.begun += 1
        await self.end.wait()
        self.end.clear()


async def settle() -> None:
    """Lets everything that can go on go on."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_asked_while_busy_runs_once_more() -> None:
    """Ten fires during a run are one run afterwards, and none after that."""
    run = Slow()
    made_up: list[int] = []
    worker = Worker(Job.VENTAS, run, lambda: made_up.append(run.begun))
    task = asyncio.create_task(worker.work())
    worker.ask()
    await settle()
    for _ in range(10):
        worker.ask()
    assert (run.begun, made_up) == (1, [])
    run.end.set()
    await settle()
    assert run.begun == 2
    run.end.set()
    await settle()
    assert (run.begun, made_up) == (2, [1])
    task.cancel()


async def test_too_late_is_made_up() -> None:
    """A run that was asked for after its time counts as made up, once however often; the next is none again."""
    run = Slow()
    made_up: list[int] = []
    worker = Worker(Job.VENTAS, run, lambda: made_up.append(run.begun))
    worker.ask(late=True)
    worker.ask()
    task = asyncio.create_task(worker.work())
    await settle()
    assert made_up == [0]
    run.end.set()
    await settle()
    worker.ask()
    await settle()
    assert (run.begun, made_up) == (2, [0])
    task.cancel()


async def test_idle_waits_for_what_was_asked() -> None:
    """From the moment it is asked until its last run has ended, a worker is not idle."""
    run = Slow()
    worker = Worker(Job.INVENTARIO, run, lambda: None)
    await asyncio.wait_for(worker.idle(), 1)
    worker.ask()
    waiting = asyncio.create_task(worker.idle())
    task = asyncio.create_task(worker.work())
    await settle()
    assert not waiting.done()
    run.end.set()
    await settle()
    assert waiting.done()
    task.cancel()


async def test_a_failure_does_not_end_it() -> None:
    """What cannot run is logged, be it a configuration or a bug, and the next run is tried."""
    errors = [ConfigError("the database needs db migrate"), RuntimeError("a bug")]
    runs: list[str] = []

    async def run() -> None:
        runs.append("run")
        raise errors.pop(0)

    worker = Worker(Job.VENTAS, run, lambda: None)
    task = asyncio.create_task(worker.work())
    with capture_logs() as events:
        for _ in range(2):
            worker.ask()
            await asyncio.wait_for(worker.idle(), 1)
    assert [e["event"] for e in events] == ["corrida_imposible", "error_interno"]
    assert runs == ["run", "run"]
    assert not task.done()
    task.cancel()
