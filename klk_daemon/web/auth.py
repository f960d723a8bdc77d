"""Who may ask what (contract, "HTTP"): Host, then origin, then authorisation, in this order."""

import hmac
from collections.abc import Callable, Collection
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from klk_daemon.web.sessions import Sessions

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# What needs no authorisation anywhere: liveness, and the place that a one-time code is itself the authorisation for.
ENTER = "/entrar"
OPEN = frozenset({"/healthz", ENTER})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
HEADERS = {
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# Where the application finds how a request was authorised.
BY = "klk.by"


class By(StrEnum):
    """How a request was authorised."""

    TOKEN = "token"  # noqa: S105 - a word
    SESSION = "session"


def cookie_name(scope: Scope) -> str:
    """The session's cookie. Browsers send a cookie to every port of a host: each daemon's has its port in its name."""
    return f"klk_sesion_{scope['server'][1]}"


def authorised_by(request: Request) -> By | None:
    """How the guard let a request in; None where it needed nothing, or had nothing."""
    by: By | None = request.scope.get(BY)
    return by


def is_loopback(host: str) -> bool:
    """Whether an address to listen on can be reached from this machine alone."""
    if host in LOOPBACK:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """The checks, around the whole application.

    Args:
        app: what they guard.
        token: what `Authorization: Bearer` must carry.
        host: the address that the server listens on.
        allowed_hosts: names by which it may be called, besides the loopback ones and `host`.
        sessions: those of the one-time links.
        clock: the time, UTC.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str,
        host: str,
        allowed_hosts: Collection[str],
        sessions: Sessions,
        clock: Callable[[], datetime],
    ) -> None:
        self._app = app
        self._token = token.encode()
        self._sessions = sessions
        self._clock = clock
        self._hosts = LOOPBACK | {host.lower(), *(name.lower() for name in allowed_hosts)}
        self._private = is_loopback(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers what is refused, and hands on the rest."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        refusal = self._refusal(request)
        await (refusal or self._app)(scope, receive, _with_headers(send))

    def _refusal(self, request: Request) -> Response | None:
        if _hostname(request.headers.get("host", "")) not in self._hosts:
            return _refused(421, "this server is not called by that name; see http.allowed_hosts")
        changes = request.method not in SAFE
        if changes and _foreign(request):
            return _refused(403, "orders are taken from this server's own pages alone")
        by = request.scope[BY] = self._by(request)
        if by is None and (changes or (not self._private and request.scope["path"] not in OPEN)):
            return _unauthorised(request)
        return None

    def _by(self, request: Request) -> By | None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token):
            return By.TOKEN
        session = request.cookies.get(cookie_name(request.scope))
        return By.SESSION if session and self._sessions.valid(session, self._clock()) else None


def _hostname(authority: str) -> str:
    """The name in a Host header, without port and brackets."""
    try:
        return (urlsplit(f"//{authority}").hostname or "").lower()
    except ValueError:
        return ""


def _foreign(request: Request) -> bool:
    """Whether a browser says that another site's page sends this."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return True
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower()


def _unauthorised(request: Request) -> Response:
    """A program is told of the token, a person of the link."""
    if request.method in SAFE and "text/html" in request.headers.get("accept", ""):
        return PlainTextResponse(
            "Para ver este tablero abra el enlace que imprime `klk-daemon dashboard`.\n"
            "To see this dashboard, open the link that `klk-daemon dashboard` prints.\n",
            status_code=401,
            headers={"WWW-Authenticate": "Bearer"},
        )
    return _refused(
        401,
        "needs Authorization: Bearer with the contents of `token` in the state directory,"
        " or the session of the link that `klk-daemon dashboard` prints",
    )


def _refused(status: int, message: str) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None  # noqa: PLR2004 - HTTP's own number
    return JSONResponse({"error": message}, status_code=status, headers=headers)


def _with_headers(send: Send) -> Send:
    """Adds what every answer carries, unless it brings its own."""

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            present = {name.lower() for name, _ in headers}
            headers += [
                (n.lower().encode(), v.encode()) for n, v in HEADERS.items() if n.lower().encode() not in present
            ]
            message = {**message, "headers": headers}
        await send(message)

    return wrapped
