"""What `klk-daemon status` and `/api/status` tell: one document, from database, schedule and pause marks."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from duckdb import DuckDBPyConnection

from klk_daemon.bootstrap import servir
from klk_daemon.bootstrap.app import App
from klk_daemon.daemon.instance import running_pid
from klk_daemon.domain import Intervalo, Job
from klk_daemon.jobs import health
from klk_daemon.warehouse import cobertura, queries, schema
from klk_daemon.warehouse.queries import EstadoTienda
from klk_daemon.windows import local


@dataclass(frozen=True, slots=True)
class Held:
    """What the database holds of the active stores; `ajenas` are those that another daemon runs, and which."""

    estados: Mapping[str, EstadoTienda]
    cobertura: Mapping[str, list[Intervalo]]
    ajenas: Mapping[str, str] = field(default_factory=dict)

    def huecos(self, app: App, now: datetime) -> dict[str, list[Intervalo]]:
        """Store to the gaps in its sales."""
        schedule = app.schedule()
        return {
            id_: health.sin_leer(leido, now=now, next_ventas=lambda i: schedule.next_after(Job.VENTAS, i))
            for id_, leido in self.cobertura.items()
        }


async def read(app: App, *, patience_s: float | None = None) -> Held:
    """Asks the database; one that is not there yet holds nothing.

    Args:
        app: whose database.
        patience_s: how long to wait for another process that holds it, where not `lock_timeout_s`.

    Raises:
        CorridaError: it is held by another process, or cannot be read.
        ConfigError: it has another shape.
    """
    if not app.database.exists():
        return nothing_held(app)
    held = (await app.database.transaction(lambda con: ask(con, app), keep=False, patience_s=patience_s)).value
    return replace(held, ajenas=await asyncio.to_thread(app.database.origen.reparto.ajenas, list(held.estados)))


def nothing_held(app: App) -> Held:
    """What a database that is not there yet holds."""
    ids = [t.id for t in app.elegir(())]
    return Held({id_: EstadoTienda() for id_ in ids}, {id_: [] for id_ in ids})


def ask(con: DuckDBPyConnection, app: App) -> Held:
    """Asks the database, in a transaction that is not kept.

    Raises:
        ConfigError: it has another shape.
    """
    ids = [t.id for t in app.elegir(())]
    schema.ensure(con, local(datetime.now(UTC), app.zona), keep=False)
    return Held({id_: queries.estado_tienda(con, id_) for id_ in ids}, cobertura.cobertura(con, ids))


def document(app: App, held: Held, now: datetime, *, sin_leer: str | None = None) -> dict[str, Any]:
    """The report. Times are store-local, naive; `now` is UTC; `sin_leer` says why `held` is of before."""
    schedule = app.schedule()
    zona = app.zona
    reloj = local(now, zona)
    pausas = app.pausas.vigentes(now)
    limit = timedelta(minutes=app.settings.alerts.stale_after_min)
    # A store that another daemon runs is stale there, if it is: one alarm is enough.
    propias = {id_: estado for id_, estado in held.estados.items() if id_ not in held.ajenas}
    return {
        "daemon": {"pid": running_pid(app.state)},
        "base": app.database.origen.name,
        "servida": servir.told(app.database.origen, app.state),
        "ahora": reloj,
        "sin_leer": sin_leer,
        "proximas": {job: local(due, zona) for job in Job if (due := schedule.next_after(job, now)) is not None},
        "en_espera": dict(held.ajenas),
        "pausas": {job: local(hasta, zona) if hasta else None for job, hasta in pausas.items()},
        "tiendas": {id_: _tienda(estado, app) for id_, estado in held.estados.items()},
        "atrasado": [
            {"tienda": a.tienda, "job": a.job, "exito": a.exito}
            for a in health.atrasos(propias, reloj=reloj, limit=limit, pausados=pausas.keys())
        ],
        "huecos": [
            {"tienda": id_, "desde": local(h.desde, zona), "hasta": local(h.hasta, zona)}
            for id_, huecos in held.huecos(app, now).items()
            for h in huecos
        ],
    }


def _tienda(estado: EstadoTienda, app: App) -> dict[str, Any]:
    return {
        "stock": estado.stock,
        "articulos": estado.articulos,
        "venta": estado.venta,
        "marca": local(estado.marca_utc, app.zona) if estado.marca_utc else None,
        "jobs": {
            job: {"estado": c.estado, "inicio": c.inicio, "exito": c.exito, "error": c.error}
            for job, c in estado.corridas.items()
        },
    }
