"""The facts that alerts are made of: from the ledger, the sales, the disks, and the rows that wait to be written.

Every read is a transaction of its own, so that no run waits for more than one of them; and none waits for another
program that holds the database for longer than a moment.
"""

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TypeVar

from duckdb import DuckDBPyConnection

from klk_daemon.alerts import silence
from klk_daemon.alerts.rules import LOOKED_BACK, Callada, Disco, Hechos, Par, Tardia
from klk_daemon.alerts.summary import Dia, Venta
from klk_daemon.bootstrap.app import App
from klk_daemon.bootstrap.place import folder_of
from klk_daemon.checks.folders import DATABASE_FLOOR, FLOOR, nearest
from klk_daemon.domain import Job, Tienda
from klk_daemon.errors import CorridaError
from klk_daemon.jobs import health
from klk_daemon.warehouse import alert_facts, cobertura, schema
from klk_daemon.windows import instante, local

T = TypeVar("T")

PATIENCE_S = 2.0
# Older runs are no news.
LOOK_BACK = timedelta(days=35)
# Sales that were read longer ago than this say nothing of now.
FRESH = timedelta(hours=2)
Franjas = Mapping[date, Mapping[str, frozenset[int]]]


class Lector:
    """Gathers facts for one process; remembers what a store's weeks were like, which changes once a day."""

    def __init__(self) -> None:
        self._franjas: tuple[tuple[date, tuple[str, ...]], Franjas] | None = None

    async def hechos(
        self, app: App, now: datetime, *, arranque: datetime | None, conciliacion: str | None = None
    ) -> Hechos:
        """The facts at `now` (UTC).

        Args:
            app: the installation.
            now: the instant.
            arranque: when the daemon began; None without one.
            conciliacion: the run that has just ended: how late its lines were is measured once.

        Raises:
            ConfigError: the database has another shape.
        """
        tiendas = [t for t in app.tiendas if t.activa]
        ids = tuple(t.id for t in tiendas)
        hechos = Hechos(
            tiendas=ids,
            pausados=frozenset(app.pausas.vigentes(now)),
            pares=tuple(_waiting(app, [])),
            completos=False,
            discos=disks(app),
            arranque=arranque,
        )
        if not app.database.exists():
            return hechos
        try:
            pares = _waiting(app, await self._ledger(app, ids, now))
            hechos = replace(hechos, pares=tuple(pares), completos=True)
            calladas = await self._calladas(app, pares, now)
            tardias = await _tardias(app, tiendas, conciliacion) if conciliacion else None
        except CorridaError:  # it is held, or broken: the next run fails of it, and that is told
            return hechos
        return replace(hechos, calladas=calladas, tardias=tardias)

    async def _ledger(self, app: App, ids: Sequence[str], now: datetime) -> list[Par]:
        reloj = local(now, app.zona)

        def read(con: DuckDBPyConnection) -> list[alert_facts.Historial]:
            schema.ensure(con, reloj, keep=False)
            return alert_facts.historial(con, ids, reloj - LOOK_BACK)

        return [_par(h, app) for h in await _ask(app, read)]

    async def _calladas(self, app: App, pares: Collection[Par], now: datetime) -> tuple[Callada, ...]:
        """The stores whose sales were read, and whether they should have had some."""
        read = {p.tienda for p in pares if p.job is Job.VENTAS and not p.seguidas and p.exito is not None}
        if not read:
            return ()
        reloj = local(now, app.zona)
        marcas = await _ask(app, lambda con: alert_facts.leido_hasta(con, sorted(read)))
        leida = {id_: local(marca.replace(tzinfo=UTC), app.zona) for id_, marca in marcas.items()}
        fresh = {id_: at for id_, at in leida.items() if timedelta() <= reloj - at <= FRESH}
        since = (reloj - LOOKED_BACK).date()
        ultimas = await _ask(app, lambda con: alert_facts.ultimas_ventas(con, sorted(fresh), since))
        # Who has just sold is not silent, and nobody needs to know what is normal there.
        suspects = {id_ for id_, at in fresh.items() if id_ not in ultimas or at - ultimas[id_] >= silence.SLOT}
        days = {id_: await self._weeks(app, fresh[id_].date()) for id_ in suspects}
        return tuple(
            Callada(
                id_,
                instante(ultimas[id_], app.zona) if id_ in ultimas else None,
                id_ in suspects
                and silence.silent(
                    {d: sold[id_] for d, sold in days[id_].items() if id_ in sold}, ultimas.get(id_), at
                ),
            )
            for id_, at in fresh.items()
        )

    async def _weeks(self, app: App, fecha: date) -> Franjas:
        """Day to store to half hours, of the weekdays before."""
        ids = tuple(t.id for t in app.tiendas if t.activa)
        if self._franjas is None or self._franjas[0] != (fecha, ids):
            days: dict[date, Mapping[str, frozenset[int]]] = {}
            for weekday in silence.weekdays(fecha):
                days[weekday] = await _ask(app, partial(alert_facts.franjas, ubicaciones=ids, fecha=weekday))
            self._franjas = ((fecha, ids), days)
        return self._franjas[1]


async def dia(app: App, fecha: date, now: datetime, next_ventas: Callable[[datetime], datetime | None]) -> Dia:
    """A day in figures, for the daily summary.

    Raises:
        CorridaError: the database cannot be read now.
    """
    ids = [t.id for t in app.tiendas if t.activa]
    figures = await _ask(app, lambda con: alert_facts.dia(con, fecha, ids))
    read = await _ask(app, lambda con: cobertura.cobertura(con, ids))
    huecos = [
        (id_, f"{local(h.desde, app.zona):%Y-%m-%d %H:%M}", f"{local(h.hasta, app.zona):%Y-%m-%d %H:%M}")
        for id_, leido in read.items()
        for h in health.sin_leer(leido, now=now, next_ventas=next_ventas)
    ]
    return Dia(
        fecha,
        corridas={job: (runs, bad) for job, runs, bad in figures["corridas"]},
        fallas={id_: bad for id_, bad in figures["tiendas"] if bad},
        ventas={id_: Venta(int(n), int(lines), Decimal(usd)) for id_, n, lines, usd in figures["ventas"]},
        huecos=huecos,
    )


def disks(app: App) -> tuple[Disco, ...]:
    """The disks of database, logs and state; each once."""
    floors = {Path(app.settings.logs.dir): FLOOR}
    if (place := folder_of(app.settings)) is not None:
        floors = {place: DATABASE_FLOOR, **floors}
    found: dict[int, Disco] = {}
    for folder, floor in {**floors, app.state: FLOOR}.items():
        there = nearest(folder)
        device = there.stat().st_dev
        usage = shutil.disk_usage(there)
        found.setdefault(device, Disco(str(there), usage.total, usage.free, floor))
    return tuple(found.values())


async def _ask(app: App, read: Callable[[DuckDBPyConnection], T]) -> T:
    return (await app.database.transaction(read, keep=False, patience_s=PATIENCE_S)).value


async def _tardias(app: App, tiendas: Collection[Tienda], run_id: str) -> tuple[Tardia, ...]:
    found = []
    for tienda in tiendas:

        def read(con: DuckDBPyConnection, tienda: Tienda = tienda) -> Tardia:
            late = alert_facts.tardias(con, tienda, run_id)
            return Tardia(tienda.id, late.perdidas, late.maxima_min)

        found.append(await _ask(app, read))
    return tuple(found)


def _par(h: alert_facts.Historial, app: App) -> Par:
    def utc(reloj: datetime | None) -> datetime | None:
        return instante(reloj, app.zona) if reloj is not None else None

    return Par(
        job=h.job,
        tienda=h.ubicacion_id,
        seguidas=h.seguidas,
        desde=utc(h.desde),
        error_tipo=h.error_tipo,
        error=h.error,
        exito=utc(h.exito),
        primera=utc(h.primera),
        rechazados=h.rechazados,
        espera_bd_s=h.espera_bd_s,
    )


def _waiting(app: App, pares: Sequence[Par]) -> list[Par]:
    """The ledger's view, and the failures that could not be written to it yet: they are the newest."""
    found = {(p.job, p.tienda): p for p in pares}
    for row in app.entorno.pendientes.leer():
        key = (row.etl_tipo, row.ubicacion_id)
        before = found.get(key, Par(*key))
        began = instante(row.fecha_inicio, app.zona)
        found[key] = replace(
            before,
            seguidas=before.seguidas + 1,
            desde=min(before.desde, began) if before.desde else began,
            error_tipo=row.error_tipo or "",
            error=row.error_mensaje or "",
            primera=before.primera or began,
        )
    return list(found.values())
