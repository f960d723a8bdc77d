"""`klk-daemon runs` and `klk-daemon certificados`: what was done, and what is proved."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from klk_daemon.domain import Estado, Job
from klk_daemon.errors import ConfigError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from klk_daemon.bootstrap.app import App

T = TypeVar("T")


def runs(
    context: typer.Context,
    job: Annotated[Job | None, typer.Option(help="Only this job's.")] = None,
    tienda: Annotated[str | None, typer.Option(metavar="ID", help="Only this store's part.")] = None,
    estado: Annotated[Estado | None, typer.Option(help="Only runs that ended so.")] = None,
    desde: Annotated[str | None, typer.Option(metavar="D", help="Only runs since this date, store time.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="The stores of each run, too.")] = False,
    gaps: Annotated[bool, typer.Option("--gaps", help="Instead: which sales were not read.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show the history of runs, one line each, the newest first; or the gaps in what was read."""
    from klk_daemon.warehouse import queries

    app: App = context.obj.build()
    if gaps:
        found = _gaps(app, tienda)
        typer.echo(_json(found) if as_json else _gaps_text(found))
        return
    since = _since(desde)
    history = _read(
        app, lambda con: queries.corridas(con, job=job, tienda=tienda, estado=estado, desde=since, limit=limit)
    )
    typer.echo(_json(history) if as_json else _runs_text(history, verbose=verbose))


def certificados(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show which store-days are proved equal to KLK, which are open, and which were reopened by a later difference."""
    from klk_daemon.warehouse import certificados as table
    from klk_daemon.windows import local

    app: App = context.obj.build()
    hoy = local(datetime.now(UTC), app.zona).date()
    rows, abiertos = _read(app, lambda con: (table.leer(con), table.dias_abiertos(con, hoy)))
    vigentes = [c for c in rows if c.reabierto is None]
    reabiertos = [c for c in rows if c.reabierto is not None]
    if as_json:
        typer.echo(
            _json(
                {
                    "certificados": [_certificate(c) for c in vigentes],
                    "abiertos": [{"ubicacion_id": tienda, "fecha": fecha} for tienda, fecha in abiertos],
                    "reabiertos": [_certificate(c) for c in reabiertos],
                }
            )
        )
        return
    typer.echo(_certificados_text(vigentes, abiertos, reabiertos))


def _certificate(certificado: Any) -> dict[str, Any]:
    return {name: getattr(certificado, name) for name in certificado.__slots__}


def _read(app: "App", query: "Callable[[DuckDBPyConnection], T]") -> T:
    """One read of the database.

    Raises:
        ConfigError: there is none yet.
    """
    from klk_daemon.warehouse import schema
    from klk_daemon.windows import local

    if not app.database.exists():
        raise ConfigError(f"there is no database {app.database.origen.name} yet", hint="`klk-daemon trigger todo`")

    def read(con: "DuckDBPyConnection") -> T:
        schema.ensure(con, local(datetime.now(UTC), app.zona))
        return query(con)

    async def transact() -> T:
        return (await app.database.transaction(read, keep=False)).value

    try:
        return asyncio.run(transact())
    finally:
        app.database.close()


def _gaps(app: "App", tienda: str | None) -> list[dict[str, Any]]:
    from klk_daemon.jobs.health import sin_leer
    from klk_daemon.warehouse.cobertura import cobertura
    from klk_daemon.windows import local

    now = datetime.now(UTC)
    schedule = app.schedule()
    ids = [t.id for t in app.elegir([tienda] if tienda else ())]
    leido = _read(app, lambda con: {id_: cobertura(con, id_) for id_ in ids})
    return [
        {"tienda": id_, "desde": local(h.desde, app.zona), "hasta": local(h.hasta, app.zona)}
        for id_ in ids
        for h in sin_leer(leido[id_], now=now, next_ventas=lambda i: schedule.next_after(Job.VENTAS, i))
    ]


def _since(desde: str | None) -> datetime | None:
    if desde is None:
        return None
    try:
        return datetime.fromisoformat(desde)
    except ValueError as e:
        raise ConfigError(f"--desde {desde}: not a date", hint="such as 2025-11-17 or 2025-11-17T12:30") from e


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else str(value)


def _gaps_text(found: list[dict[str, Any]]) -> str:
    from klk_daemon.cli.text import gap

    return "\n".join(gap(h["tienda"], h["desde"], h["hasta"]) for h in found) or "no gaps"


def _runs_text(history: list[dict[str, Any]], *, verbose: bool) -> str:
    from klk_daemon.cli.text import short, table

    if not history:
        return "no runs"
    if not verbose:
        head = ("run", "job", "modo", "began", "s", "estado", "extraidos", "cargados", "failed")
        return table(
            head,
            [
                (
                    r["run_id"],
                    r["job"],
                    r["modo"],
                    short(r["inicio"]),
                    float(r["duracion_s"] or 0),
                    r["estado"],
                    r["extraidos"] or 0,
                    r["cargados"] or 0,
                    ", ".join(t["id"] for t in r["tiendas"] if t["estado"] == "fallido"),
                )
                for r in history
            ],
        )
    blocks = []
    for r in history:
        lines = [f"{short(r['inicio'])} {r['job']} {r['estado']} {r['modo']}, run {r['run_id']}"]
        for t in r["tiendas"]:
            figures = f"extraidos {t['extraidos']}, cargados {t['cargados']}, {float(t['duracion_s'] or 0):.1f} s"
            lines.append(f"  {t['id']} {t['estado']}: {t['error'] or figures}")
        blocks.append("\n".join(lines))
    return "\n".join(blocks)


def _runs_of_days(abiertos: list[tuple[str, date]]) -> list[tuple[str, list[date]]]:
    """Days that follow each other, together: years of an older pipeline are one line."""
    groups: list[tuple[str, list[date]]] = []
    for tienda, fecha in abiertos:
        if groups and groups[-1][0] == tienda and fecha - groups[-1][1][-1] == timedelta(days=1):
            groups[-1][1].append(fecha)
        else:
            groups.append((tienda, [fecha]))
    return groups


def _certificados_text(vigentes: list[Any], abiertos: list[tuple[str, date]], reabiertos: list[Any]) -> str:
    from klk_daemon.cli.text import span, table

    head = ("tienda", "fecha", "lineas", "facturas", "USD", "certificado")
    rows = [
        (c.ubicacion_id, c.fecha, c.lineas, c.facturas, f"{c.venta_total:.2f}", f"{c.certificado:%Y-%m-%d %H:%M}")
        for c in vigentes
    ]
    lines = [table(head, rows)] if rows else ["no day is certified yet"]
    lines += [f"open: {tienda} {span(fechas)}" for tienda, fechas in _runs_of_days(abiertos)]
    lines += [
        f"reopened: {c.ubicacion_id} {c.fecha} on {c.reabierto:%Y-%m-%d %H:%M},"
        f" was {c.lineas} lines, {c.venta_total:.2f} USD; ventas_correcciones says what changed"
        for c in reabiertos
    ]
    return "\n".join(lines)
