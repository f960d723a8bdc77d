"""The supervisor: sleep, clock jumps, and a schedule that stopped firing."""

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import structlog
from structlog.testing import capture_logs

from klk_daemon.daemon.scheduler import Schedule
from klk_daemon.daemon.supervisor import Supervisor
from klk_daemon.domain import Job
from klk_daemon.errors import KlkError

CARACAS = ZoneInfo("America/Caracas")
# 12:10 in the stores; far ahead, so that the real clock fires nothing.
NOON = datetime(2095, 11, 17, 16, 10, tzinfo=UTC)
CRONS = {Job.INVENTARIO: "0,30 * * * *", Job.VENTAS: "5,35 * * * *"}


class World:
    """A schedule at NOON, its supervisor, and what was asked for."""

    def __init__(self) -> None:
        self.asked: list[Job] = []
        self.due: dict[Job, datetime] = {}
        self.schedule = Schedule(CRONS, CARACAS, self.ask)
        self.supervisor = Supervisor(self.schedule, self.ask, now=NOON, elapsed=100.0)

    def ask(self, job: Job, due: datetime) -> None:
        """What the daemon is asked for."""
        self.asked.append(job)
        self.due[job] = due

    def check(self, *, wall_s: float, elapsed_s: float) -> list[dict[str, object]]:
        """One look after so many seconds by the wall clock and for the process; what it logs."""
        with capture_logs() as events:
            self.supervisor.check(now=NOON + timedelta(seconds=wall_s), elapsed=100.0 + elapsed_s)
        return [dict(e) for e in events]


@pytest.fixture(name="world")
async def _world() -> AsyncIterator[World]:
    structlog.reset_defaults()
    world = World()
    world.schedule.arm(NOON)
    yield world
    world.schedule.stop()


async def test_quiet(world: World) -> None:
    """While both clocks agree and nothing is late, it says and asks nothing."""
    assert world.check(wall_s=30, elapsed_s=30) == []
    assert world.check(wall_s=61, elapsed_s=60) == []
    assert world.asked == []


async def test_sleep_is_made_up_once(world: World) -> None:
    """Three hours of sleep are six missed fires of each job: one run of each, and `reloj_salto`."""
    (event,) = world.check(wall_s=3 * 3600, elapsed_s=30)
    assert event["event"] == "reloj_salto"
    assert event["segundos"] == 3 * 3600 - 30
    assert event["sentido"] == "adelante"
    assert world.asked == [Job.INVENTARIO, Job.VENTAS]
    assert world.due == {Job.INVENTARIO: NOON + timedelta(minutes=20), Job.VENTAS: NOON + timedelta(minutes=25)}
    assert world.check(wall_s=3 * 3600 + 30, elapsed_s=60) == []
    assert world.asked == [Job.INVENTARIO, Job.VENTAS]


async def test_woken_schedule_is_not_asked_again(world: World) -> None:
    """What the schedule has fired by itself after the machine woke runs once, not twice over."""
    assert world.schedule._scheduler is not None
    world.schedule._scheduler.modify_job("inventario", next_run_time=NOON + timedelta(hours=4))
    await world.schedule._fire(Job.INVENTARIO)
    assert world.due == {Job.INVENTARIO: NOON + timedelta(minutes=20)}
    world.check(wall_s=3 * 3600, elapsed_s=30)
    assert world.asked == [Job.INVENTARIO, Job.VENTAS]


async def test_taken_up_and_not_called(world: World) -> None:
    """A fire that APScheduler has taken up, and a reload cancels before it was called, is late, so not lost."""
    assert world.schedule._scheduler is not None
    world.schedule._scheduler.modify_job("inventario", next_run_time=NOON + timedelta(minutes=50))
    now = NOON + timedelta(minutes=20)
    assert world.schedule.late(now) == {Job.INVENTARIO: now}


async def test_fires_in_the_loop() -> None:
    """A fire asks in the loop's own thread, with the time that it was due at, though it comes late."""
    asked: list[tuple[Job, datetime, int]] = []
    fired = asyncio.Event()

    def ask(job: Job, due: datetime) -> None:
        asked.append((job, due, threading.get_ident()))
        fired.set()

    due = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    schedule = Schedule({Job.VENTAS: "* * * * *"}, CARACAS, ask)
    schedule.arm(due)
    await asyncio.wait_for(fired.wait(), 5)
    schedule.stop()
    job, at, thread = asked[0]
    assert (job, thread) == (Job.VENTAS, threading.get_ident())
    assert due < at <= due + timedelta(minutes=1)


async def test_sleep_over_one_fire(world: World) -> None:
    """A sleep over 12:30 alone makes up inventario alone."""
    world.check(wall_s=22 * 60, elapsed_s=30)
    assert world.asked == [Job.INVENTARIO]


async def test_clock_set_back_arms_anew(world: World) -> None:
    """A clock set back an hour asks for nothing, and does not delay the next fire by the hour."""
    (event,) = world.check(wall_s=-3600, elapsed_s=30)
    assert event["sentido"] == "atras"
    assert world.asked == []
    assert world.schedule.late(NOON - timedelta(minutes=39)) == {Job.INVENTARIO: NOON - timedelta(minutes=40)}  # 11:30


async def test_dead_schedule(world: World) -> None:
    """A schedule that does not fire is armed anew and its jobs asked for; if that does not help, it raises."""
    assert world.check(wall_s=1200 + 50, elapsed_s=1200 + 50) == []  # 12:30:50: it may be a little late
    (event,) = world.check(wall_s=1200 + 80, elapsed_s=1200 + 80)
    assert event["event"] == "planificador_rearmado"
    assert world.asked == [Job.INVENTARIO]
    with pytest.raises(KlkError, match="does not fire"):  # 12:36:20, and nothing came at 12:35
        world.check(wall_s=1200 + 380, elapsed_s=1200 + 380)


async def test_recovered_schedule(world: World) -> None:
    """A schedule that fires again after it was armed anew gets another chance the next time."""
    world.check(wall_s=1280, elapsed_s=1280)
    assert world.check(wall_s=1310, elapsed_s=1310) == []
    (event,) = world.check(wall_s=1200 + 380, elapsed_s=1200 + 380)
    assert event["event"] == "planificador_rearmado"
