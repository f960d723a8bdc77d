"""A chain of stores that has run for a day, for the pictures in docs/: real jobs, a clock of ours."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import time_machine
from prometheus_client import CollectorRegistry

from klk_daemon.bootstrap.app import App, build
from klk_daemon.bootstrap.backend import Backend
from klk_daemon.bootstrap.marcha import Marcha
from klk_daemon.domain import Job
from klk_daemon.jobs.trigger import en_turno
from klk_daemon.metrics import Metrics
from klk_daemon.ranges import pedido
from klk_daemon.settings import load
from klk_daemon.simulator import Falla, Mundo, Simulador, TipoFalla
from klk_daemon.web import app as web
from klk_daemon.web import server

from ..installation import bloque, tienda_id

ZONA = ZoneInfo("America/Caracas")
HOY = datetime(2025, 11, 18, 14, 52, 20, tzinfo=ZONA)
TOKEN = "demo"


@dataclass
class Demo:
    """The chain and its dashboard at `url`; `minutes` later is another moment."""

    app: App
    simulador: Simulador
    now: datetime
    url: str = ""
    falla: int | None = None
    marcha: Marcha = field(init=False)

    def __post_init__(self) -> None:
        self.marcha = Marcha(self.clock)

    def clock(self) -> datetime:
        """The moment, UTC."""
        return self.now.astimezone(UTC)

    def at(self, moment: datetime) -> None:
        """Moves chain and simulator to a moment."""
        self.now = moment
        self.simulador.mundo.set_now(moment)

    async def run(self, job: Job, moment: datetime, *, days: tuple[str, str] | None = None) -> None:
        """Runs a job at a moment, as the schedule does, or a range of days by hand."""
        self.at(moment)
        rango = None
        if days is not None:
            rango = pedido(job, *days, completo=False, zona=self.app.zona, now=self.clock())
        with time_machine.travel(moment, tick=True):  # the log's clock
            await en_turno(
                self.app.trabajo(job, rango=rango),
                self.app.elegir(()),
                self.app.entorno,
                clock=self.clock,
                inventario_wait_s=0,
            )

    async def day(self, since: datetime, until: datetime) -> None:
        """A day of the schedule, with the troubles of an ordinary one."""
        fallas = self.simulador.fallas
        moment = since
        while moment <= until:
            bad = None
            if moment.hour == 22 and moment.minute == 0:
                bad = fallas.poner(Falla(TipoFalla.HTTP, status=503))
            elif moment.hour == 9 and moment.minute == 30:
                bad = fallas.poner(Falla(TipoFalla.HTML, sucursal="SUC003"))
            elif moment.hour == 11 and moment.minute == 0:
                bad = fallas.poner(Falla(TipoFalla.FILAS_MALAS, sucursal="SUC002", ruta="/ventas", parte=0.01))
            await self.run(Job.INVENTARIO, moment)
            await self.run(Job.VENTAS, moment + timedelta(minutes=5))
            if bad is not None:
                fallas.quitar(bad.id)
            if moment.hour == 3 and moment.minute == 0:
                await self.run(Job.CONCILIACION, moment + timedelta(minutes=15))
            moment += timedelta(minutes=30)


@asynccontextmanager
async def demo(folder: Path, port: int = 0) -> AsyncIterator[Demo]:
    """The chain after a day, its dashboard served. A folder in which one has lived goes on from there."""
    mundo = Mundo(
        seed=7,
        articulos=1460,
        lineas_por_dia=1900,
        tardias=(0.02, timedelta(minutes=50)),
        anuladas=(0.004, timedelta(hours=20)),
    )
    async with Simulador(mundo) as simulador:
        config = folder / "klk.toml"
        blocks = [bloque(tienda_id(t), t) for t in mundo.tiendas]
        head = f'[api]\nbase_url = "{simulador.url}"\nretry_attempts = 1\n[database]\npath = "klk.db"\n'
        head += '[logs]\ndir = "logs"\n'
        config.write_text(head + "\n".join(blocks), encoding="utf-8")
        app = build(load(config, env={}), folder / "state")
        app.setup_logs(console="critical")
        demo = Demo(app, simulador, HOY)
        try:
            if not demo.app.database.exists():
                await _past(demo)
            async with _served(demo, port):
                yield demo
        finally:
            app.database.close()


async def _past(demo: Demo) -> None:
    yesterday = HOY - timedelta(days=1)
    days = f"{HOY - timedelta(days=7):%Y-%m-%d}", f"{yesterday - timedelta(days=1):%Y-%m-%d}"
    start = yesterday.replace(hour=14, minute=30, second=1)
    await demo.run(Job.VENTAS, start - timedelta(minutes=25), days=days)
    await demo.run(Job.CONCILIACION, start - timedelta(hours=11, minutes=15), days=days)
    await demo.day(start, HOY.replace(hour=14, minute=30, second=1))
    demo.at(HOY)


@asynccontextmanager
async def _served(demo: Demo, port: int) -> AsyncIterator[None]:
    metrics = Metrics(CollectorRegistry(), version="demo")
    backend = Backend(lambda: demo.app, metrics, demo.clock, demo.marcha, lambda _: None)
    listening = server.listen("127.0.0.1", port)
    app, tablero = web.build(
        backend, metrics.registry, token=TOKEN, host="127.0.0.1", allowed_hosts=(), clock=demo.clock
    )
    demo.marcha.avisar(tablero.hub.changed)
    demo.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    task = asyncio.create_task(server.serve(app, listening, stopping=tablero.hub.close))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def fail(demo: Demo, *sucursales: str) -> Sequence[Falla]:
    """Has stores fail from now on."""
    return [demo.simulador.fallas.poner(Falla(TipoFalla.HTTP, sucursal=s)) for s in sucursales]
