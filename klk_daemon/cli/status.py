"""`klk-daemon status`: how fresh everything is."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from klk_daemon.cli.exits import STALE

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from klk_daemon.bootstrap.app import App
    from klk_daemon.domain import Intervalo
    from klk_daemon.warehouse.queries import EstadoTienda


def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show the daemon, each job's next and last run, and how fresh each store is. Exits 1 where something is stale."""
    app: App = context.obj.build()
    try:
        estados, cobertura = asyncio.run(_read(app, exists=Path(app.settings.database.path).exists()))
    finally:
        app.database.close()
    report = _report(app, estados, cobertura, datetime.now(UTC))
    typer.echo(json.dumps(report, ensure_ascii=False, default=_iso) if as_json else _text(report))
    raise typer.Exit(STALE if report["atrasado"] else 0)


async def _read(app: "App", *, exists: bool) -> "tuple[dict[str, EstadoTienda], dict[str, list[Intervalo]]]":
    from klk_daemon.warehouse import cobertura, queries, schema
    from klk_daemon.windows import local

    ids = [t.id for t in app.elegir(())]
    if not exists:
        return {id_: queries.EstadoTienda() for id_ in ids}, {id_: [] for id_ in ids}

    def read(con: "DuckDBPyConnection") -> "tuple[dict[str, EstadoTienda], dict[str, list[Intervalo]]]":
        schema.ensure(con, local(datetime.now(UTC), app.zona))
        return (
            {id_: queries.estado_tienda(con, id_) for id_ in ids},
            {id_: cobertura.cobertura(con, id_) for id_ in ids},
        )

    return (await app.database.transaction(read, keep=False)).value


def _report(
    app: "App", estados: "dict[str, EstadoTienda]", cobertura: "dict[str, list[Intervalo]]", now: datetime
) -> dict[str, Any]:
    """Times are store-local."""
    from klk_daemon.daemon.instance import running_pid
    from klk_daemon.domain import Job
    from klk_daemon.jobs import health
    from klk_daemon.windows import local

    schedule = app.schedule()
    reloj = local(now, app.zona)
    limit = timedelta(minutes=app.settings.alerts.stale_after_min)
    return {
        "daemon": {"pid": running_pid(app.state)},
        "base": app.settings.database.path,
        "ahora": reloj,
        "proximas": {job: local(due, app.zona) for job in Job if (due := schedule.next_after(job, now)) is not None},
        "tiendas": {
            id_: {
                "stock": e.stock,
                "articulos": e.articulos,
                "venta": e.venta,
                "marca": local(e.marca_utc, app.zona) if e.marca_utc else None,
                "jobs": {
                    job: {"estado": c.estado, "inicio": c.inicio, "exito": c.exito, "error": c.error}
                    for job, c in e.corridas.items()
                },
            }
            for id_, e in estados.items()
        },
        "atrasado": [
            {"tienda": a.tienda, "job": a.job, "exito": a.exito}
            for a in health.atrasos(estados, reloj=reloj, limit=limit)
        ],
        "huecos": [
            {"tienda": id_, "desde": local(h.desde, app.zona), "hasta": local(h.hasta, app.zona)}
            for id_, leido in cobertura.items()
            for h in health.sin_leer(leido, now=now, next_ventas=lambda i: schedule.next_after(Job.VENTAS, i))
        ],
    }


def _iso(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _text(report: dict[str, Any]) -> str:
    from klk_daemon.cli.text import gap, short, table

    pid = report["daemon"]["pid"]
    lines = [f"daemon: running (pid {pid})" if pid else "daemon: not running", f"database: {report['base']}"]
    lines += [f"next {job}: {due:%Y-%m-%d %H:%M}" for job, due in report["proximas"].items()]
    rows = [
        (
            id_,
            t["articulos"],
            short(t["stock"]),
            short(t["venta"]),
            short(t["marca"]),
            *(t["jobs"].get(job, {}).get("estado") for job in ("inventario", "ventas", "conciliacion")),
        )
        for id_, t in report["tiendas"].items()
    ]
    head = ("tienda", "stock", "as of", "newest sale", "read to", "inventario", "ventas", "conciliacion")
    lines += ["", table(head, rows)]
    trouble = [
        f"{id_} {job}: {run['error']}"
        for id_, t in report["tiendas"].items()
        for job, run in t["jobs"].items()
        if run["error"]
    ]
    trouble += [
        f"stale: {a['tienda']} {a['job']}, last success {short(a['exito']) or 'never'}" for a in report["atrasado"]
    ]
    trouble += [gap(h["tienda"], h["desde"], h["hasta"]) for h in report["huecos"]]
    return "\n".join([*lines, "", *trouble] if trouble else lines)
