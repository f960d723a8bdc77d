"""What a run does before it begins: repairs what earlier ones left, and learns which stores are its own."""

from collections.abc import Collection, Mapping

import structlog
from duckdb import DuckDBPyConnection

from klk_daemon.domain import Tienda
from klk_daemon.errors import TiendaAjena
from klk_daemon.warehouse import cobertura
from klk_daemon.warehouse.origen import Reparto
from klk_daemon.warehouse.recibo import Perdida

log = structlog.get_logger()


def recuperar(con: DuckDBPyConnection, perdida: Perdida) -> None:
    """Says what the database has lost, and has its sales read again; stock is read anew by every inventario."""
    cobertura.releer(con, perdida.intervalos())
    log.error(
        "commits_perdidos",
        commits=perdida.commits,
        tiendas=sorted({nota.ubicacion_id for nota in perdida.notas}),
        completa=perdida.completa,
        motivo="the database holds less than was committed to it: a damaged write-ahead log, or an older copy",
        remedio="ventas reads the lost intervals again; run conciliacion over the days since that copy",
    )


def repartir(reparto: Reparto, tiendas: Collection[Tienda]) -> Mapping[str, TiendaAjena]:
    """Takes the stores that nobody else runs; the others, and why not.

    Raises:
        CorridaError: it cannot be told.
    """
    ids = [t.id for t in tiendas]
    mias = reparto.tomar(ids)
    if mias.issuperset(ids):
        return {}
    ajenas = reparto.ajenas(ids)
    return {id_: ajena(id_, ajenas.get(id_)) for id_ in ids if id_ not in mias}


def ajena(id_: str, quien: str | None) -> TiendaAjena:
    """Why a store is not run here."""
    return TiendaAjena(
        f"{id_} is run by {quien or 'another daemon'}", hint="trigger it on that machine, or stop that one first"
    )
