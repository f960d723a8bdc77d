"""`klk-daemon trigger`: one run now, by the daemon where one is running, else by this process."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from klk_daemon.errors import ConfigError
from klk_daemon.interrupt import INTERRUPTED, raise_on_interrupt

if TYPE_CHECKING:
    from klk_daemon.bootstrap.app import App
    from klk_daemon.bootstrap.textfile import Textfile
    from klk_daemon.cli.remote import Remote
    from klk_daemon.domain import Job, Resultado, ResultadoTienda, Tienda
    from klk_daemon.jobs.run import Trabajo

# A run: its document, and its exit code.
Ended = tuple[dict[str, Any], int]


class What(StrEnum):
    """What can be triggered."""

    INVENTARIO = "inventario"
    VENTAS = "ventas"
    CONCILIACION = "conciliacion"
    TODO = "todo"


def trigger(
    context: typer.Context,
    what: Annotated[
        What,
        typer.Argument(metavar="JOB", help="inventario, ventas, conciliacion, or todo: the first two in that order."),
    ],
    tienda: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this store; repeatable.")] = None,
    desde: Annotated[
        str | None,
        typer.Option(metavar="D", help="ventas, conciliacion: from this date, or YYYY-MM-DDTHH:MM, store time."),
    ] = None,
    hasta: Annotated[
        str | None, typer.Option(metavar="D", help="To this date, inclusive, or YYYY-MM-DDTHH:MM, exclusive.")
    ] = None,
    completo: Annotated[bool, typer.Option("--completo", help="ventas: today from midnight.")] = False,
    aceptar: Annotated[
        bool, typer.Option("--aceptar", help="inventario: take a snapshot that is refused as too short.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Everything but the write.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Exit 4 instead of waiting for a run under way.")] = False,
) -> None:
    """Run a job now. Exits 0 when every store succeeded, 1 when one failed, 4 when the database was busy."""
    from klk_daemon import ranges
    from klk_daemon.cli import remote
    from klk_daemon.domain import Job

    app: App = context.obj.build()
    tiendas = app.elegir(tienda or ())
    jobs = [Job.INVENTARIO, Job.VENTAS] if what is What.TODO else [Job(what)]
    if what is What.TODO and (desde or hasta or completo):
        raise ConfigError(
            f"--desde, --hasta and --completo do not go with {what}", hint="they are for ventas and conciliacion"
        )
    if aceptar and what is not What.INVENTARIO:
        raise ConfigError(f"--aceptar does not go with {what}", hint="it is for inventario")
    rango = ranges.pedido(jobs[0], desde, hasta, completo=completo, zona=app.zona, now=_now())
    daemon = remote.find(app.state)
    if daemon is not None:
        order = {
            "tiendas": tienda or [],
            "desde": desde,
            "hasta": hasta,
            "completo": completo,
            "aceptar": aceptar,
            "dry_run": dry_run,
            "wait": not no_wait,
        }
        ended = _delegate(daemon, jobs, order, len(tiendas))
    else:
        trabajos = [app.trabajo(job, rango=rango, aceptar=aceptar) for job in jobs]
        ended = _run_here(app, trabajos, tiendas, wait=not no_wait, dry_run=dry_run)
    if as_json:
        documents = [document for document, _ in ended]
        typer.echo(json.dumps(documents if what is What.TODO else documents[0], ensure_ascii=False))
    else:
        from klk_daemon.cli.summary import summary

        for document, _ in ended:
            typer.echo(summary(document, dry_run=dry_run))
    raise typer.Exit(max(code for _, code in ended))


def _delegate(daemon: "Remote", jobs: "Sequence[Job]", order: dict[str, Any], stores: int) -> list[Ended]:
    """Has the daemon do it. Ctrl-C stops the listening, not the run."""
    from klk_daemon.cli.remote import RemoteError

    ended: list[Ended] = []
    raise_on_interrupt()
    try:
        for job in jobs:
            with _progress(job, stores) as done:
                for event in daemon.stream(f"/api/trigger/{job}", order):
                    if "tienda" in event:
                        done(event["tienda"]["id"], event["tienda"]["estado"])
                    elif "resultado" in event:
                        ended.append((event["resultado"], event["exit_code"]))
                    else:
                        raise RemoteError(event["error"], event["exit_code"])
    except KeyboardInterrupt:
        typer.echo("the daemon goes on with the run; `klk-daemon runs` tells how it ends", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except OSError as e:
        raise RemoteError(f"the daemon stopped answering: {e}", 1) from e
    if len(ended) < len(jobs):
        raise RemoteError("the daemon ended before the run did; the next one makes it up", 1)
    return ended


def _run_here(
    app: "App", trabajos: "Sequence[Trabajo[Any]]", tiendas: "Sequence[Tienda]", *, wait: bool, dry_run: bool
) -> list[Ended]:
    """Does it in this process. Ctrl-C and SIGTERM cut it off."""
    from klk_daemon.jobs.document import document
    from klk_daemon.jobs.run import nothing
    from klk_daemon.jobs.trigger import en_turno

    app.setup_logs(console="warning" if sys.stderr.isatty() else None)
    ended: list[Ended] = []
    textfile = _textfile(app) if app.settings.metrics.textfile and not dry_run else None
    entorno = app.entorno if textfile is None else textfile.app.entorno
    resultados: list[Resultado] = []

    async def run_all() -> None:
        try:
            await run_each()
        finally:
            if textfile is not None:
                await textfile.write()

    async def run_each() -> None:
        for trabajo in trabajos:
            with _progress(trabajo.job, len(tiendas)) as done:

                def told(parte: "ResultadoTienda", done: Callable[[str, str], None] = done) -> None:
                    done(parte.tienda.id, parte.estado)

                resultado = await en_turno(
                    trabajo,
                    tiendas,
                    entorno,
                    clock=_now,
                    inventario_wait_s=app.settings.inventario.wait_s,
                    wait=wait,
                    dry_run=dry_run,
                    on_tienda=told,
                )
                ended.append((document(resultado), resultado.exit_code))
                resultados.append(resultado)
                if textfile is not None:
                    textfile.ended(resultado)
        if not dry_run:
            await _alert(app, resultados, nothing if textfile is None else textfile.alerted)

    try:
        asyncio.run(_until_signal(run_all(), app.database.stop_waiting))
    except asyncio.CancelledError:
        typer.echo("interrupted: the ledger says which stores were cut off; the next run makes them up", err=True)
        raise typer.Exit(INTERRUPTED) from None
    finally:
        app.database.close()
    return ended


def _textfile(app: "App") -> "Textfile":
    from klk_daemon.bootstrap.textfile import Textfile

    return Textfile(app, _now)


async def _alert(app: "App", resultados: "Sequence[Resultado]", on_taken: Callable[[str], None]) -> None:
    """Heartbeat and alerts, where they are configured. The runs are done: Ctrl-C only ends the waiting."""
    alerts = app.settings.alerts
    if not alerts.urls and not alerts.heartbeat_url:
        return
    from klk_daemon.bootstrap.alertas import Alertas

    with suppress(asyncio.CancelledError):
        await Alertas(lambda: app, _now, on_taken).after_trigger(resultados)


def _now() -> datetime:
    return datetime.now(UTC)


async def _until_signal(work: Coroutine[Any, Any, None], on_signal: Callable[[], None]) -> None:
    """Runs the coroutine; SIGINT and SIGTERM cancel it, and it books what it cut off."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        on_signal()
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    await task


def _progress(job: str, stores: int) -> AbstractContextManager[Callable[[str, str], None]]:
    """A bar on a terminal; elsewhere nothing. Yields what to call with each store's id and outcome."""
    if not sys.stderr.isatty():
        return nullcontext(lambda _id, _estado: None)
    from klk_daemon.cli.progress import bar

    return bar(job, stores)
