"""`inventario`: each store's stock becomes KLK's snapshot of its warehouses, all of them together."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Conteo, Job, Lote, Modo, Rechazo, Tienda
from klk_daemon.jobs.escritura import Momento
from klk_daemon.jobs.sesion import Sesion
from klk_daemon.klk import convert
from klk_daemon.warehouse import stock
from klk_daemon.warehouse.productos import Catalogo
from klk_daemon.warehouse.stock import Snapshot


@dataclass(frozen=True, slots=True)
class Inventario:
    """Takes a snapshot of every warehouse of a store.

    Attributes:
        min_ratio: a snapshot with fewer articles than this share of the last good one is refused.
        catalogo: what this run has told of products already.
    """

    min_ratio: float
    catalogo: Catalogo = field(default_factory=Catalogo)
    job: Job = Job.INVENTARIO
    a_la_vez: int = 12

    def planificar(self, con: DuckDBPyConnection, tiendas: Sequence[Tienda], now: datetime) -> dict[str, None]:
        """Nothing: a snapshot depends on no history."""
        del con, now
        return {t.id: None for t in tiendas}

    def modo(self, planes: Collection[None]) -> Modo:
        """Always whole."""
        del planes
        return Modo.COMPLETO

    async def tienda(self, tienda: Tienda, sesion: Sesion[None]) -> None:
        """One call per warehouse, side by side, and one step for all of them; the calls wait for no plan.

        Raises:
            CorridaError: one warehouse failed, or its snapshot is suspicious: none is written.
        """
        snapshot, rechazos = await _leer(tienda, sesion)
        await sesion.cargar(
            self._cargar,
            snapshot,
            filas=snapshot.existencias.count,
            apartadas=rechazos,
            al_confirmar=lambda escrito: self.catalogo.anotar(escrito.fichas),
            ultima=True,
            con="todas",
        )

    def _cargar(self, con: DuckDBPyConnection, snapshots: Sequence[Snapshot], momento: Momento) -> Sequence[Conteo]:
        return stock.cargar(con, snapshots, self.catalogo, min_ratio=self.min_ratio, now=momento.reloj)


async def _leer(tienda: Tienda, sesion: Sesion[None]) -> tuple[Snapshot, Sequence[Rechazo]]:
    """What can be loaded, ready for the database, and what cannot; of the answers nothing else is left."""
    with sesion.extraccion():
        lotes = await _todos(tienda, sesion)
    snapshot = stock.preparar(tienda, {almacen: lote.filas for almacen, lote in lotes.items()})
    return snapshot, [rechazo for lote in lotes.values() for rechazo in lote.rechazos]


async def _todos(tienda: Tienda, sesion: Sesion[None]) -> dict[str, Lote]:
    async def uno(almacen: str) -> Lote:
        return convert.articulos(almacen, await sesion.client.articulos(almacen))

    tasks = [asyncio.ensure_future(uno(almacen)) for almacen in tienda.almacenes]
    try:
        return dict(zip(tienda.almacenes, await asyncio.gather(*tasks), strict=True))
    finally:
        for task in tasks:  # one has failed: the store has, and the others are not waited for
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
