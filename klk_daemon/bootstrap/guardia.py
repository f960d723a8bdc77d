"""Which of the configured stores this daemon runs, where several share a lake: those that no other has taken first.

A store that another daemon runs is on stand-by here. When that one ends, is killed or loses its connection, PostgreSQL
lets go of its locks, and the next look takes the store over.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping

import structlog

from klk_daemon.bootstrap.app import App
from klk_daemon.domain import Tienda
from klk_daemon.errors import CorridaError
from klk_daemon.warehouse.origen import Reparto

log = structlog.get_logger()

LOOK_S = 10.0


class Guardia:
    """Looks every ten seconds.

    Args:
        app: the objects in force.
        tomadas: is told that stores were taken over.
    """

    def __init__(self, app: Callable[[], App], tomadas: Callable[[], Awaitable[None]]) -> None:
        self._app = app
        self._tomadas = tomadas
        self._en_espera: Mapping[str, str] = {}
        self._silent = False

    def mias(self) -> tuple[Tienda, ...]:
        """The active stores that are not on stand-by, as of the last look."""
        return tuple(t for t in self._app().tiendas if t.activa and t.id not in self._en_espera)

    async def mirar(self) -> bool:
        """One look; whether stores were taken over. While PostgreSQL does not answer, what was known holds."""
        app = self._app()
        reparto = app.database.origen.reparto
        try:
            ajenas = await asyncio.to_thread(_look, reparto, [t.id for t in app.tiendas if t.activa])
        except CorridaError as e:
            if not self._silent:
                log.warning("lago_sin_respuesta", error=str(e))
            self._silent = True
            return False
        self._silent = False
        for id_, quien in ajenas.items():
            if id_ not in self._en_espera:
                log.warning("tienda_en_espera", tienda=id_, la_corre=quien)
        tomadas = [id_ for id_ in self._en_espera if id_ not in ajenas]
        for id_ in tomadas:
            log.warning("tienda_tomada", tienda=id_, la_corria=self._en_espera[id_])
        self._en_espera = ajenas
        return bool(tomadas)

    async def vigilar(self) -> None:
        """Looks for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            if await self.mirar():
                await self._tomadas()


def _look(reparto: Reparto, ids: Collection[str]) -> Mapping[str, str]:
    """Takes what is free, gives back what is not configured here any more; what others have, and who they are."""
    reparto.conservar(ids)
    faltan = set(ids) - reparto.tomar(ids)
    if not faltan:
        return {}
    ajenas = reparto.ajenas(faltan)
    return {id_: ajenas.get(id_, "another daemon") for id_ in sorted(faltan)}
