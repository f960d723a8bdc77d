"""`klk-daemon status`: how fresh everything is."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from klk_daemon.cli.exits import STALE

if TYPE_CHECKING:
    from klk_daemon.bootstrap.app import App


def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show the daemon, each job's next and last run, and how fresh each store is. Exits 1 where something is stale."""
    app: App = context.obj.build()
    try:
        report = asyncio.run(_report(app, datetime.now(UTC)))
    finally:
        app.database.close()
    typer.echo(json.dumps(report, ensure_ascii=False, default=str) if as_json else _text(report))
    raise typer.Exit(STALE if report["atrasado"] else 0)


async def _report(app: "App", now: datetime) -> dict[str, Any]:
    from klk_daemon.daemon.instance import running_pid
    from klk_daemon.daemon.scheduler import Schedule
    from klk_daemon.domain import Job

    crons = {Job.INVENTARIO: app.settings.schedule.inventario, Job.VENTAS: app.settings.schedule.ventas}
    schedule = Schedule(crons, app.zona, lambda _: None)
    tiendas = await _tiendas(app, exists=Path(app.settings.database.path).exists())  # noqa: ASYNC240 - nothing else runs
    limit = timedelta(minutes=app.settings.alerts.stale_after_min)
    atrasado = [
        {"tienda": id_, "job": str(job), "desde": tiendas[id_]["jobs"].get(job, {}).get("exito")}
        for id_ in tiendas
        for job in crons
        if _stale(tiendas[id_]["jobs"].get(job, {}).get("exito"), _reloj(app, now), limit)
    ]
    return {
        "daemon": {"pid": running_pid(app.state)},
        "base": app.settings.database.path,
        "proximas": {str(job): schedule.next_after(job, now) for job in crons},
        "tiendas": tiendas,
        "atrasado": atrasado,
    }


def _reloj(app: "App", now: datetime) -> datetime:
    from klk_daemon.windows import local

    return local(now, app.zona)


def _stale(success: datetime | None, now: datetime, limit: timedelta) -> bool:
    return success is None or now - success > limit


async def _tiendas(app: "App", *, exists: bool) -> dict[str, dict[str, Any]]:
    from klk_daemon.warehouse import queries, schema

    ids = [t.id for t in app.elegir(())]
    if not exists:
        return {id_: {"stock": None, "articulos": 0, "venta": None, "marca": None, "jobs": {}} for id_ in ids}

    def read(con: Any) -> dict[str, queries.EstadoTienda]:
        schema.ensure(con, _reloj(app, datetime.now(UTC)))
        return {id_: queries.estado_tienda(con, id_) for id_ in ids}

    estados = (await app.database.transaction(read, keep=False)).value
    return {
        id_: {
            "stock": e.stock,
            "articulos": e.articulos,
            "venta": e.venta,
            "marca": _reloj(app, e.marca_utc) if e.marca_utc else None,
            "jobs": {
                job: {"estado": str(c.estado), "inicio": c.inicio, "exito": c.exito, "error": c.error}
                for job, c in e.corridas.items()
            },
        }
        for id_, e in estados.items()
    }


def _text(report: dict[str, Any]) -> str:
    from klk_daemon.cli.text import table

    pid = report["daemon"]["pid"]
    lines = [f"daemon: running (pid {pid})" if pid else "daemon: not running", f"database: {report['base']}"]
    lines += [f"next {job}: {due:%Y-%m-%d %H:%M}" for job, due in report["proximas"].items()]
    rows = [
        (
            id_,
            t["articulos"],
            _short(t["stock"]),
            _short(t["venta"]),
            _short(t["marca"]),
            t["jobs"].get("inventario", {}).get("estado"),
            t["jobs"].get("ventas", {}).get("estado"),
        )
        for id_, t in report["tiendas"].items()
    ]
    lines += ["", table(("tienda", "stock", "as of", "newest sale", "read to", "inventario", "ventas"), rows)]
    errors = [
        f"{id_} {job}: {run['error']}"
        for id_, t in report["tiendas"].items()
        for job, run in t["jobs"].items()
        if run["error"]
    ]
    stale = [
        f"stale: {s['tienda']} {s['job']}, last success {_short(s['desde']) or 'never'}" for s in report["atrasado"]
    ]
    return "\n".join([*lines, *([""] if errors or stale else []), *errors, *stale])


def _short(moment: datetime | None) -> str | None:
    return f"{moment:%m-%d %H:%M:%S}" if moment else None
