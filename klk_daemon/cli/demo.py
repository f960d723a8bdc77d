"""`klk-daemon demo`: see it work, without KLK and without a trace: simulator, daemon and a scratch database."""

import asyncio
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from klk_daemon.interrupt import raise_on_interrupt

if TYPE_CHECKING:
    from klk_daemon.bootstrap.app import App

TIENDAS = """
[[tiendas]]
id = "tienda_01"
nombre = "PERIFERICO"
sucursal = "SUC001"
almacenes = ["APP-TPF", "APP-PPF"]

[[tiendas]]
id = "tienda_08"
nombre = "BOSQUE"
sucursal = "SUC002"
almacenes = ["APP-TBQ"]

[[tiendas]]
id = "tienda_17"
nombre = "ARTIGAS"
sucursal = "SUC003"
almacenes = ["TANT"]

[[tiendas]]
id = "tienda_20"
nombre = "TAZAJAL"
sucursal = "SUC005"
almacenes = ["TTZ"]
"""


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after both jobs.")] = False,
) -> None:
    """Run the simulator of the KLK API and the daemon on a scratch database, until Ctrl-C."""
    raise_on_interrupt()  # the scratch folder goes, too
    with tempfile.TemporaryDirectory(prefix="klk-demo-") as folder:
        raise typer.Exit(asyncio.run(_demo(Path(folder), once=once)))


async def _demo(folder: Path, *, once: bool) -> int:
    from klk_daemon.bootstrap.app import build
    from klk_daemon.bootstrap.daemon import run_daemon
    from klk_daemon.settings import load
    from klk_daemon.simulator import Mundo, Simulador

    async with Simulador(Mundo(seed=1)) as simulador:
        config = folder / "klk.toml"
        config.write_text(
            f'[api]\nbase_url = "{simulador.url}"\n'
            f'[database]\npath = "demo.db"\n[logs]\ndir = "logs"\n[http]\nport = 0\n{TIENDAS}',
            encoding="utf-8",
        )
        app = build(load(config, env={}), folder / "state")
        app.setup_logs(console="warning" if once else None)
        typer.echo(f"simulator of KLK: {simulador.url}\nscratch database: {app.settings.database.path}")
        listening: list[asyncio.Task[None]] = []
        try:
            if once:
                return await _once(app)
            await run_daemon(
                lambda before, observer: build(
                    load(config, env={}), folder / "state", before=before or app, observer=observer
                ),
                clock=_now,
                on_listen=lambda url: listening.append(asyncio.create_task(_tell(app, url))),
            )
            return 0
        finally:
            app.database.close()


async def _tell(app: "App", url: str) -> None:
    """Where the dashboard is, and how to get in with its buttons."""
    from klk_daemon.cli.dashboard import one_time_link

    link = await asyncio.to_thread(one_time_link, app)
    typer.echo(f"dashboard: {url}\nthe same with its buttons, for the next five minutes: {link}\nCtrl-C ends it")


def _now() -> datetime:
    return datetime.now(UTC)


async def _once(app: "App") -> int:
    """Both jobs, then what the database holds of each store."""
    from klk_daemon.cli.summary import summary
    from klk_daemon.cli.text import table
    from klk_daemon.domain import Job
    from klk_daemon.jobs.document import document
    from klk_daemon.jobs.trigger import en_turno
    from klk_daemon.warehouse.queries import existencias

    code = 0
    for job in (Job.INVENTARIO, Job.VENTAS):
        resultado = await en_turno(app.trabajo(job), app.tiendas, app.entorno, clock=_now, inventario_wait_s=0)
        typer.echo(summary(document(resultado)))
        code = max(code, resultado.exit_code)
    held = (await app.database.transaction(lambda con: [existencias(con, t.id) for t in app.tiendas], keep=False)).value
    rows = [
        (t.id, t.nombre, e.articulos, e.filas_stock, e.lineas, f"{e.venta_total_usd:.2f}")
        for t, e in zip(app.tiendas, held, strict=True)
    ]
    typer.echo(table(("tienda", "nombre", "articulos", "stock rows", "sale lines", "USD"), rows))
    return code
