"""The runs of this process that are under way, for whoever shows their progress."""

import asyncio
import gc
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from klk_daemon.domain import Resultado, ResultadoTienda, Tienda
from klk_daemon.jobs.entorno import Entorno
from klk_daemon.jobs.run import Trabajo, nothing
from klk_daemon.jobs.trigger import en_turno
from klk_daemon.web.dashboard.panel import Progreso


class Marcha:
    """Runs jobs, and knows how far they are.

    Args:
        clock: the time, UTC.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._en_curso: dict[str, Progreso] = {}
        self._oyentes: list[Callable[[], None]] = []
        self.pasos = 0

    @property
    def en_curso(self) -> Sequence[Progreso]:
        """The runs under way. Their `inicio` is UTC."""
        return tuple(self._en_curso.values())

    def avisar(self, oyente: Callable[[], None]) -> None:
        """Has `oyente` called at every `paso`."""
        self._oyentes.append(oyente)

    async def en_turno(
        self,
        trabajo: Trabajo[Any],
        tiendas: Sequence[Tienda],
        entorno: Entorno,
        *,
        inventario_wait_s: float,
        wait: bool = True,
        dry_run: bool = False,
        on_tienda: Callable[[ResultadoTienda], None] = nothing,
    ) -> Resultado:
        """See `jobs.trigger.en_turno`."""
        run: list[str] = []

        def inicio(run_id: str) -> None:
            run.append(run_id)
            self._en_curso[run_id] = Progreso(run_id, trabajo.job, self._clock(), len(tiendas))
            self.paso()

        def tienda(parte: ResultadoTienda) -> None:
            antes = self._en_curso[run[0]]
            fallidas = antes.fallidas if parte.error is None else (*antes.fallidas, parte.tienda.id)
            self._en_curso[run[0]] = replace(antes, hechas=antes.hechas + 1, fallidas=fallidas)
            self.paso()
            on_tienda(parte)

        try:
            return await en_turno(
                trabajo,
                tiendas,
                entorno,
                clock=self._clock,
                inventario_wait_s=inventario_wait_s,
                wait=wait,
                dry_run=dry_run,
                on_inicio=inicio,
                on_tienda=tienda,
            )
        finally:
            for run_id in run:
                del self._en_curso[run_id]
            self.paso()
            if not self._en_curso:
                # What it leaves in cycles, 5 MB, goes while nothing else is done, and not in the middle of a later run.
                asyncio.get_running_loop().call_soon(gc.collect)

    def paso(self) -> None:
        """Something has changed: a run has begun or ended, a store's part of it has, a job was paused or resumed."""
        self.pasos += 1
        for oyente in self._oyentes:
            oyente()
