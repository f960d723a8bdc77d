"""The routes. What they answer comes from a `Backend`; nothing here knows of databases or settings."""

import json
from collections.abc import AsyncIterator, Callable, Collection
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from klk_daemon.domain import Job
from klk_daemon.errors import CorridaError, KlkError, OcupadoError
from klk_daemon.web.auth import Guard
from klk_daemon.web.dashboard.paginas import Datos, Tablero
from klk_daemon.web.orders import PauseOrder, TriggerOrder
from klk_daemon.web.sessions import Sessions

BODY_LIMIT = 64 * 1024
NDJSON = "application/x-ndjson"
RUNS = 50
M = TypeVar("M", bound=BaseModel)


class Backend(Datos, Protocol):
    """What the daemon offers to the server."""

    async def status(self) -> dict[str, Any]:
        """The document of `klk-daemon status --json`."""

    async def figures(self) -> None:
        """Brings the metrics up to date; returns soon, whatever the database does."""

    async def runs(
        self, limit: int, *, job: str | None, tienda: str | None, estado: str | None, desde: datetime | None
    ) -> list[dict[str, Any]]:
        """The newest runs; `desde` is store-local, naive."""

    async def certificados(self) -> dict[str, Any]:
        """The document of `klk-daemon certificados --json`."""

    def trigger(self, job: Job, order: TriggerOrder) -> AsyncIterator[dict[str, Any]]:
        """Starts a run, and tells of it until its end; it goes on when nobody listens any more.

        Raises:
            KlkError: the order makes no sense, or the job is busy and `wait` is False.
        """

    def pause(self, job: Job, hasta: datetime | None) -> None:
        """Has the schedule leave a job alone."""

    def resume(self, job: Job) -> None:
        """Ends its pause."""


def build(
    backend: Backend,
    registry: CollectorRegistry,
    *,
    token: str,
    host: str,
    allowed_hosts: Collection[str],
    clock: Callable[[], datetime],
) -> tuple[ASGIApp, Tablero]:
    """The guarded application, and the dashboard in it; see `Guard` for the arguments."""
    routes = _Routes(backend, registry)
    sessions = Sessions()
    tablero = Tablero(backend, sessions, clock)
    app = Starlette(
        routes=[
            Route("/healthz", routes.healthz),
            Route("/readyz", routes.readyz),
            Route("/metrics", routes.metrics),
            Route("/api/status", routes.status),
            Route("/api/runs", routes.runs),
            Route("/api/certificados", routes.certificados),
            Route("/api/trigger/{job}", routes.trigger, methods=["POST"]),
            Route("/api/pause/{job}", routes.pause, methods=["POST"]),
            Route("/api/resume/{job}", routes.resume, methods=["POST"]),
            *tablero.rutas(),
        ],
        exception_handlers={_BadRequestError: _bad_request, KlkError: _klk_error},
    )
    guard = Guard(app, token=token, host=host, allowed_hosts=allowed_hosts, sessions=sessions, clock=clock)
    return guard, tablero


class _BadRequestError(Exception):
    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


async def _bad_request(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=getattr(error, "status", 400))


async def _klk_error(_: Request, error: Exception) -> Response:
    """Busy is a conflict; a database that cannot be read, asked too early; what cannot be ordered, a bad request."""
    status = 409 if isinstance(error, OcupadoError) else 503 if isinstance(error, CorridaError) else 400
    code = error.exit_code if isinstance(error, KlkError) else 1
    return JSONResponse({"error": str(error), "exit_code": code}, status_code=status)


class _Routes:
    def __init__(self, backend: Backend, registry: CollectorRegistry) -> None:
        self._backend = backend
        self._registry = registry

    async def healthz(self, _: Request) -> Response:
        """200 while the loop turns: it touches nothing that could be in trouble."""
        return PlainTextResponse("ok\n")

    async def readyz(self, _: Request) -> Response:
        """503 and the reasons while something is stale; also where the database never could be read."""
        report = await self._backend.status()
        told = {"listo": not report["atrasado"], "atrasado": report["atrasado"], "sin_leer": report["sin_leer"]}
        return _json(told, 503 if report["atrasado"] else 200)

    async def metrics(self, _: Request) -> Response:
        await self._backend.figures()
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    async def status(self, _: Request) -> Response:
        return _json(await self._backend.status())

    async def runs(self, request: Request) -> Response:
        text = request.query_params.get("limit", str(RUNS))
        if not text.isdecimal() or not 0 < int(text) <= 1000:  # noqa: PLR2004 - a bound like any other
            raise _BadRequestError("limit is a number from 1 to 1000")
        query = request.query_params
        try:
            desde = datetime.fromisoformat(query["desde"]) if "desde" in query else None
        except ValueError as e:
            raise _BadRequestError("desde is a date, such as 2025-11-17 or 2025-11-17T12:30") from e
        found = await self._backend.runs(
            int(text), job=query.get("job"), tienda=query.get("tienda"), estado=query.get("estado"), desde=desde
        )
        return _json(found)

    async def certificados(self, _: Request) -> Response:
        return _json(await self._backend.certificados())

    async def trigger(self, request: Request) -> Response:
        job = _job(request)
        order = await _order(request, TriggerOrder)
        events = self._backend.trigger(job, order)
        if NDJSON in request.headers.get("accept", ""):
            return StreamingResponse(_lines(events), media_type=NDJSON)
        return _json({"aceptado": True, "job": job}, 202)

    async def pause(self, request: Request) -> Response:
        job, order = _job(request), await _order(request, PauseOrder)
        self._backend.pause(job, order.hasta)
        return _json({"job": job, "pausado": True, "hasta": order.hasta})

    async def resume(self, request: Request) -> Response:
        job = _job(request)
        self._backend.resume(job)
        return _json({"job": job, "pausado": False})


def _job(request: Request) -> Job:
    name = request.path_params["job"]
    try:
        return Job(name)
    except ValueError as e:
        raise _BadRequestError(f"no job {name!r}; there are {', '.join(Job)}", 404) from e


async def _order(request: Request, model: type[M]) -> M:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise _BadRequestError("the order is too large", 413)
    try:
        return model.model_validate_json(bytes(body) or b"{}")
    except ValidationError as e:
        first = e.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _BadRequestError(f"{where or 'body'}: {first['msg']}") from e


async def _lines(events: AsyncIterator[dict[str, Any]]) -> AsyncIterator[str]:
    async for event in events:
        yield json.dumps(event, ensure_ascii=False, default=plain) + "\n"


def _json(value: object, status: int = 200) -> Response:
    text = json.dumps(value, ensure_ascii=False, default=plain)
    return Response(text, status_code=status, media_type="application/json")


def plain(value: object) -> object:
    """What JSON has no word for: dates in ISO form, amounts as numbers, all else as text."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else str(value)
