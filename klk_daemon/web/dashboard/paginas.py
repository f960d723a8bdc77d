"""The dashboard's addresses: pages, their events, static files, and the way in."""

import asyncio
import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from klk_daemon.web.auth import ENTER, By, authorised_by, cookie_name
from klk_daemon.web.dashboard import recursos, vista
from klk_daemon.web.dashboard.panel import DetalleCorrida, Panel
from klk_daemon.web.dashboard.resumen import resumen
from klk_daemon.web.dashboard.textos import EN, ES, Textos
from klk_daemon.web.dashboard.vista import Vista
from klk_daemon.web.events import Hub, event
from klk_daemon.web.sessions import CODE_LIFE, SESSION_LIFE, Sessions

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
COMPARABLE = datetime.min  # noqa: DTZ901 - stands for any moment when two states are compared
LONGEST_PATH = 200


class Datos(Protocol):
    """What the dashboard asks the daemon for."""

    async def panel(self) -> Panel:
        """The state, at once."""

    async def corrida(self, run_id: str) -> DetalleCorrida | None:
        """A run with its log lines."""


@dataclass(frozen=True, slots=True)
class Oyente:
    """What a listener of `/events` wants: a page's parts; with no page, the summary."""

    ruta: str = ""
    idioma: str = ES
    sesion: bool = False


class Tablero:
    """The dashboard.

    Args:
        datos: what it shows.
        sessions: who may use its buttons.
        clock: the time, UTC.
    """

    def __init__(self, datos: Datos, sessions: Sessions, clock: Callable[[], datetime]) -> None:
        self._datos = datos
        self._sessions = sessions
        self._clock = clock
        self.hub: Hub[_Estado, Oyente] = Hub(self._estado, self._evento)

    def rutas(self) -> Sequence[Route]:
        """Its routes."""
        return [
            Route("/", self._pagina),
            Route("/tienda/{id}", self._pagina),
            Route("/corrida/{id}", self._pagina),
            Route("/events", self._events),
            Route("/static/{nombre}", recursos.servir),
            Route(ENTER, self._entrar),
            Route("/api/link", self._enlace, methods=["POST"]),
        ]

    async def _pagina(self, request: Request) -> Response:
        t = _textos(request)
        sesion = authorised_by(request) is not None
        pagina = await self._vista(request.url.path, await self._datos.panel(), t, sesion=sesion)
        if isinstance(pagina, str):
            return _html(vista.aviso(t, t("no_hay"), pagina), 404)
        return _html(await asyncio.to_thread(pagina.render))

    async def _vista(self, ruta: str, panel: Panel, t: Textos, *, sesion: bool) -> Vista | str:
        """A page, or why there is none."""
        _, seccion, *resto = ruta.split("/", 2)
        if seccion == "tienda" and resto:
            tienda = panel.tienda(resto[0])
            return Vista("tienda", ruta, panel, t, sesion, tienda) if tienda else t("no_hay_tienda", id=resto[0])
        if seccion == "corrida" and resto:
            detalle = await self._datos.corrida(resto[0])
            if detalle is None:
                return t("no_hay_corrida", id=resto[0])
            return Vista("corrida", ruta, panel, t, sesion, detalle=detalle)
        return Vista("inicio", "/", panel, t, sesion)

    async def _events(self, request: Request) -> Response:
        ruta = request.query_params.get("pagina", "")
        if ruta and (len(ruta) > LONGEST_PATH or not ruta.startswith("/")):
            return JSONResponse({"error": "pagina: no such page"}, status_code=400)
        sesion = bool(ruta) and authorised_by(request) is not None
        return self.hub.response(Oyente(ruta, _textos(request).idioma if ruta else ES, sesion))

    async def _estado(self) -> "_Estado":
        return _Estado(await self._datos.panel())

    async def _evento(self, estado: "_Estado", oyente: Oyente) -> str:
        panel = estado.panel
        if not oyente.ruta:
            return event("estado", _json(resumen(panel)))
        t = Textos(oyente.idioma)
        pagina = await self._vista(oyente.ruta, panel, t, sesion=oyente.sesion)
        partes = {} if isinstance(pagina, str) else await asyncio.to_thread(pagina.partes)
        return event("partes", _json({"edicion": recursos.edicion(), "sesion": oyente.sesion, "partes": partes}))

    async def _entrar(self, request: Request) -> Response:
        """A code becomes a session. One that only looks, or fetches ahead, does not use it up."""
        t = _textos(request)
        codigo = request.query_params.get("codigo", "")
        ahead = "prefetch" in request.headers.get("sec-purpose", "") + request.headers.get("purpose", "")
        if request.method == "HEAD" or ahead:
            return Response(status_code=204)
        sesion = self._sessions.open(codigo, self._clock())
        if sesion is None:
            return _html(vista.aviso(t, t("enlace_usado"), t("enlace_usado_detalle")), 401)
        response = RedirectResponse("/?lang=en" if t.idioma == EN else "/", status_code=303)
        response.set_cookie(
            cookie_name(request.scope),
            sesion,
            max_age=int(SESSION_LIFE.total_seconds()),
            path="/",
            httponly=True,
            samesite="strict",
        )
        return response

    async def _enlace(self, request: Request) -> Response:
        """A one-time link, for who has the token: a session alone cannot prolong itself."""
        if authorised_by(request) is not By.TOKEN:
            return JSONResponse({"error": "only the token makes links"}, status_code=403)
        codigo = self._sessions.new_code(self._clock())
        return JSONResponse({"ruta": f"{ENTER}?codigo={codigo}", "vale_s": int(CODE_LIFE.total_seconds())})


@dataclass(frozen=True, slots=True, eq=False)
class _Estado:
    """A panel that equals another one when they differ in nothing but the moment."""

    panel: Panel

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Estado) and _sin_momento(self.panel) == _sin_momento(other.panel)

    __hash__ = None  # type: ignore[assignment] # nothing keys by it


def _sin_momento(panel: Panel) -> Panel:
    return dataclasses.replace(panel, ahora=COMPARABLE)


def _textos(request: Request) -> Textos:
    return Textos(EN if request.query_params.get("lang") == EN else ES)


def _html(text: str, status: int = 200) -> Response:
    return HTMLResponse(text, status_code=status, headers={"Content-Security-Policy": CSP})


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
