"""The API: whether it answers, and how fast; what it knows of the configured stores; and its clock."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from klk_daemon.checks.finding import Hallazgo, fail, ok, told, unwatched, warn
from klk_daemon.checks.tienda import Contestado, juzgar
from klk_daemon.domain import Tienda
from klk_daemon.errors import ApiError, RespuestaDeError, TiempoAgotado
from klk_daemon.klk.catalogo import Sucursal, catalogo
from klk_daemon.klk.client import KlkClient
from klk_daemon.klk.wire import Almacen

SLOW_S = 3.0
CLOCK_WARN_S = 60.0
CLOCK_FAIL_S = 300.0
NO_ANSWER = "KLK does not answer"


class KlkCheck:
    """Asks KLK once for its lists, then for every warehouse of every active store.

    Args:
        client: of one attempt and little patience.
        slots: bounds the warehouses that are asked about at once.
        url: the address, as it may be shown.
        zona: the stores' time zone, by its name.
        clock: the time, UTC.
    """

    def __init__(
        self, client: KlkClient, slots: asyncio.Semaphore, *, url: str, zona: str, clock: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._slots = slots
        self._url = url
        self._zona = zona
        self._clock = clock
        self._generada_s: float | None = None
        self._hanging = False

    async def run(self, tiendas: Sequence[Tienda]) -> list[Hallazgo]:
        """The findings: `api`, `clock`, and one for each store."""
        async with self._client:
            began = time.monotonic()
            try:
                listados, pisos = await asyncio.gather(self._client.almacenes(), pisoventa(self._client))
            except ApiError as e:
                unseen = ["clock", *(["tiendas"] if tiendas else [])]
                return [fail("api", *told(e)), *(unwatched(check, NO_ANSWER) for check in unseen)]
            took = time.monotonic() - began
            sucursales = catalogo(listados.filas, pisos)
            found = await asyncio.gather(*(self._tienda(t, sucursales) for t in tiendas))
        known = sum(len(s.almacenes) for s in sucursales.values())
        answer = f"{self._url} answers in {took:.2f} s: {len(sucursales)} sucursales, {known} almacenes"
        api = warn("api", answer, "KLK is slow; see api.timeout_s") if took > SLOW_S else ok("api", answer)
        ahead = self._generada_s if self._client.adelanto_s is None else self._client.adelanto_s
        return [api, clock(ahead, self._zona, self._clock()), *found]

    async def _tienda(self, tienda: Tienda, sucursales: dict[str, Sucursal]) -> Hallazgo:
        # A warehouse that is not listed is asked about all the same: KLK may know more than it lists.
        asked = tienda.almacenes if tienda.activa else ()
        answers = await asyncio.gather(*(self._articulos(almacen) for almacen in asked))
        return juzgar(tienda, dict(zip(asked, answers, strict=True)), sucursales)

    async def _articulos(self, almacen: str) -> Contestado:
        async with self._slots:
            if self._hanging:
                return Contestado(None)
            try:
                answer = await self._client.articulos(almacen)
            except ApiError as e:
                # The others would hang as well, in turns of `max_concurrency`.
                self._hanging = self._hanging or isinstance(e, TiempoAgotado)
                return Contestado(0, e)
        if self._generada_s is None:
            self._generada_s = _ahead(answer.generada, self._clock())
        return Contestado(len(answer.filas))


async def pisoventa(client: KlkClient) -> Sequence[Almacen]:
    """The sales floors; none from a server that has no such list.

    Raises:
        ApiError: it does not answer at all.
    """
    try:
        return (await client.pisoventa()).filas
    except RespuestaDeError:
        return ()


def clock(ahead_s: float | None, zona: str, now: datetime) -> Hallazgo:
    """This machine's clock beside KLK's.

    Args:
        ahead_s: how far KLK's is ahead; None where it told no time.
        zona: the stores' time zone, by its name.
        now: UTC.
    """
    stores = f"{now.astimezone(ZoneInfo(zona)):%H:%M:%S} in {zona}"
    if ahead_s is None:
        return warn("clock", f"{stores}; KLK tells no time to compare it with")
    off = f"{abs(ahead_s):.0f} s {'behind' if ahead_s > 0 else 'ahead of'} KLK's"
    remedy = "sales are asked for by this clock: let it be set by NTP (timedatectl set-ntp true)"
    if abs(ahead_s) > CLOCK_FAIL_S:
        return fail("clock", f"{stores}: {off}", remedy)
    if abs(ahead_s) > CLOCK_WARN_S:
        return warn("clock", f"{stores}: {off}", remedy)
    return ok("clock", f"{stores}, as KLK's" if abs(ahead_s) < 2 else f"{stores}, {off}")  # noqa: PLR2004 - HTTP tells whole seconds


def _ahead(generada: object, now: datetime) -> float | None:
    """Seconds by which an answer's own time, if it tells one, is ahead."""
    if not isinstance(generada, str):
        return None
    try:
        moment = datetime.fromisoformat(generada)
    except ValueError:
        return None
    return (moment.astimezone(UTC) - now).total_seconds() if moment.tzinfo else None
