"""`klk-daemon trigger`: one run now."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from klk_daemon.cli.exits import INTERRUPTED
from klk_daemon.errors import ConfigError

if TYPE_CHECKING:
    from klk_daemon.bootstrap.app import App
    from klk_daemon.domain import Rango, Resultado, ResultadoTienda, Tienda


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
    from klk_daemon.domain import Job

    if (desde or hasta) and what not in {What.VENTAS, What.CONCILIACION}:
        raise ConfigError(f"--desde and --hasta do not go with {what}", hint="they are for ventas and conciliacion")
    if completo and what is not What.VENTAS:
        raise ConfigError(f"--completo does not go with {what}", hint="it is for ventas")
    if aceptar and what is not What.INVENTARIO:
        raise ConfigError(f"--aceptar does not go with {what}", hint="it is for inventario")
    if hasta and not desde:
        raise ConfigError("--hasta needs --desde", hint="say from when")
    if completo and desde:
        raise ConfigError("--completo and --desde exclude each other", hint="choose one")
    app: App = context.obj.build()
    tiendas = app.elegir(tienda or ())
    rango = _rango(app, what, desde, hasta, completo=completo)
    trabajos = [
        app.trabajo(job, rango=rango, aceptar=aceptar)
        for job in ([Job.INVENTARIO, Job.VENTAS] if what is What.TODO else [Job(what)])
    ]
    terminal = sys.stderr.isatty()
    app.setup_logs(console="warning" if terminal else None)
    resultados: list[Resultado] = []

    async def run_all() -> None:
        from klk_daemon.jobs.trigger import en_turno

        for trabajo in trabajos:
            with _progress(trabajo.job, tiendas, shown=terminal) as on_tienda:
                resultados.append(
                    await en_turno(
                        trabajo,
                        tiendas,
                        app.entorno,
                        app.locks,
                        clock=_now,
                        inventario_wait_s=app.settings.inventario.wait_s,
                        wait=not no_wait,
                        dry_run=dry_run,
                        on_tienda=on_tienda,
                    )
                )

    try:
        asyncio.run(_until_signal(run_all(), app.database.stop_waiting))
    except asyncio.CancelledError:
        typer.echo("interrupted: the ledger says which stores were cut off; the next run makes them up", err=True)
        raise typer.Exit(INTERRUPTED) from None
    finally:
        app.database.close()
    documents = [document(r) for r in resultados]
    if as_json:
        typer.echo(json.dumps(documents if what is What.TODO else documents[0], ensure_ascii=False))
    else:
        for resultado in resultados:
            typer.echo(summary(resultado, dry_run=dry_run))
    raise typer.Exit(max(r.exit_code for r in resultados))


def _now() -> datetime:
    return datetime.now(UTC)


def _rango(app: "App", what: What, desde: str | None, hasta: str | None, *, completo: bool) -> "Rango | None":
    from klk_daemon import ranges

    now = _now()
    if completo:
        return ranges.hoy(zona=app.zona, now=now)
    if not desde:
        return None
    rango = ranges.a_mano(desde, hasta, zona=app.zona, now=now)
    return ranges.dias_enteros(rango, zona=app.zona, now=now) if what is What.CONCILIACION else rango


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


def _progress(
    job: str, tiendas: "Sequence[Tienda]", *, shown: bool
) -> AbstractContextManager[Callable[["ResultadoTienda"], None]]:
    if not shown:
        return nullcontext(lambda _: None)
    from klk_daemon.cli.progress import stores

    return stores(job, len(tiendas))


def document(resultado: "Resultado") -> dict[str, object]:
    """The contract's JSON document of a run. Times are store-local for `desde` and `hasta`, UTC else."""
    return {
        "run_id": resultado.run_id,
        "job": str(resultado.job),
        "modo": str(resultado.modo),
        "estado": str(resultado.estado),
        "inicio": resultado.inicio.isoformat(),
        "fin": resultado.fin.isoformat(),
        "duracion_s": round(resultado.duracion_s, 3),
        "tiendas": [_tienda(parte) for parte in resultado.tiendas],
    }


def _tienda(parte: "ResultadoTienda") -> dict[str, object]:
    conteo = parte.conteo
    return {
        "id": parte.tienda.id,
        "estado": str(parte.estado),
        "desde": parte.desde.isoformat() if parte.desde else None,
        "hasta": parte.hasta.isoformat() if parte.hasta else None,
        "extraidos": conteo.extraidos,
        "cargados": conteo.cargados,
        "insertados": conteo.insertados,
        "actualizados": conteo.actualizados,
        "sin_cambio": conteo.sin_cambio,
        "eliminados": conteo.eliminados,
        "rechazados": conteo.rechazados,
        "duracion_s": round(parte.duracion_s, 3),
        "error": {"tipo": parte.error.error_tipo, "mensaje": str(parte.error)} if parte.error else None,
    }


def summary(resultado: "Resultado", *, dry_run: bool = False) -> str:
    """A run for people: a line for the run, a table of its stores, a line for each error."""
    from klk_daemon.cli.text import table

    head = ("tienda", "estado", "extraidos", "nuevos", "cambiados", "iguales", "fuera", "aparte", "s")
    rows = [
        (
            p.tienda.id,
            str(p.estado),
            p.conteo.extraidos,
            p.conteo.insertados,
            p.conteo.actualizados,
            p.conteo.sin_cambio,
            p.conteo.eliminados,
            p.conteo.rechazados,
            p.duracion_s,
        )
        for p in resultado.tiendas
    ]
    written = " (dry run: nothing was written)" if dry_run else ""
    lines = [
        f"{resultado.job} {resultado.estado} in {resultado.duracion_s:.1f} s, run {resultado.run_id}{written}",
        table(head, rows),
        *(f"{p.tienda.id}: {p.error.error_tipo}: {p.error}" for p in resultado.fallidas if p.error),
    ]
    return "\n".join(lines)
