"""How a run writes: a step of a store's is one transaction, of its own or shared with other stores' steps.

Either way it stands or falls with its rows, its watermark, its coverage, its ledger row and the rows put aside.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Conteo, Estado, Intervalo, Rechazo, ResultadoTienda
from klk_daemon.jobs.apertura import repartir
from klk_daemon.jobs.outcome import Libro
from klk_daemon.jobs.reloj import Reloj
from klk_daemon.warehouse import ejecuciones, rechazos, schema
from klk_daemon.warehouse.connection import Database
from klk_daemon.warehouse.recibo import Nota, Recibo
from klk_daemon.warehouse.transaccion import Done, Kind

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Momento:
    """When a transaction writes, and for which run: the run's instant (UTC), the stores' wall clock now (naive)."""

    now: datetime
    reloj: datetime
    run_id: str


# Loads what steps of several stores have read; what happened to each, in their order.
Cargar = Callable[[DuckDBPyConnection, Sequence[C], Momento], Sequence[Conteo]]


@dataclass(frozen=True, slots=True)
class Paso(Generic[C]):
    """A step of a store's that waits for the database.

    Attributes:
        parte: how the store stands before it.
        carga, filas, apartadas, leido, al_confirmar, ultima: see `Sesion.cargar`.
    """

    parte: ResultadoTienda
    carga: C
    filas: int
    apartadas: Sequence[Rechazo]
    leido: Intervalo | None
    al_confirmar: Callable[[C], None] | None
    ultima: bool


class _Hecho(NamedTuple, Generic[C]):
    parte: ResultadoTienda
    nota: Nota
    paso: Paso[C]


@dataclass(frozen=True, slots=True, eq=False)
class Escritura:
    """What a run writes with.

    Attributes:
        database: the writer.
        recibo: notes each commit.
        libro: what the ledger needs.
        reloj: the run's time.
        dry_run: roll every transaction back.
    """

    database: Database
    recibo: Recibo
    libro: Libro
    reloj: Reloj
    dry_run: bool

    async def escribir(self, cargar: Cargar[C], paso: Paso[C], *, con: Hashable = None) -> Done[ResultadoTienda]:
        """Commits a step, together with others that wait and are `con` the same; alone where that is None.

        Raises:
            CorridaError: nothing of the step was written.
        """
        kind = Kind(
            partial(self._escribir, cargar),
            None if con is None else (self, cargar, con),
            keep=not self.dry_run,
            committed=self._confirmar,
        )
        done = await self.database.together(kind, paso, rows=paso.filas)
        return Done(done.value.parte, done.espera_s, done.carga_s)

    def _escribir(self, cargar: Cargar[C], con: DuckDBPyConnection, pasos: Sequence[Paso[C]]) -> list[_Hecho[C]]:
        if self.dry_run:  # nothing that an earlier transaction made is there
            schema.ensure(con, self.reloj.local(), keep=False)
        elif ajenas := repartir(self.database.origen.reparto, [paso.parte.tienda for paso in pasos]):
            # PostgreSQL was restarted in the middle of the run, and another daemon has the store by now.
            raise next(iter(ajenas.values()))
        momento = Momento(self.reloj.now, self.reloj.local(), self.libro.run_id)
        conteos = cargar(con, [paso.carga for paso in pasos], momento)
        partes = []
        for paso, conteo in zip(pasos, conteos, strict=True):
            rechazos.anotar(con, self.libro.job, paso.parte.tienda.id, paso.apartadas, momento.reloj)
            apartadas = Conteo(rechazados=len(paso.apartadas))
            estado = Estado.EXITOSO if paso.ultima else paso.parte.estado
            partes.append(
                replace(
                    paso.parte, estado=estado, conteo=paso.parte.conteo + conteo + apartadas, fin=self.reloj.instante()
                )
            )
        ejecuciones.guardar(con, [self.libro.ejecucion(p) for p in partes if p.estado is Estado.EXITOSO])
        base_id, numero = self.recibo.sellar(con)
        return [
            _Hecho(parte, self._nota(base_id, numero, paso), paso) for parte, paso in zip(partes, pasos, strict=True)
        ]

    def _confirmar(self, hechos: Sequence[_Hecho[Any]]) -> None:
        self.recibo.anotar([e.nota for e in hechos])
        for e in hechos:
            if e.paso.al_confirmar is not None:
                e.paso.al_confirmar(e.paso.carga)

    def _nota(self, base_id: str, numero: int, paso: Paso[C]) -> Nota:
        desde, hasta = (paso.leido.desde, paso.leido.hasta) if paso.leido else (None, None)
        return Nota(base_id, numero, self.libro.job, paso.parte.tienda.id, desde, hasta)
