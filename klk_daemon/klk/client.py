"""The KLK API over httpx: bytes in, checked rows out.

One client a run: a request that is cancelled can poison a shared client's pool. httpx bounds each read, not the
exchange, so the whole of it stands under one deadline here, and its size is counted while it streams.
"""

import asyncio
import importlib.util
import os
import re
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import stamina

from klk_daemon.domain import Ventana
from klk_daemon.errors import ApiError, ConexionFallida, RespuestaDeError, RespuestaInvalida, TiempoAgotado
from klk_daemon.klk import wire
from klk_daemon.klk.answers import Respuesta, parse

T = TypeVar("T")

if importlib.util.find_spec("sniffio") is None:
    # httpcore looks for it on the disk at each of its locks, 8 ms in a run; None says that it is not there.
    sys.modules["sniffio"] = None  # type: ignore[assignment]

MIB = 1024 * 1024
OK = 200
WAIT_INITIAL_S = 0.5
# How far down the reason of a failed connection lies.
DEEPEST = 10
USERINFO = re.compile(r"://\S*@")
# `identity`: 300 kB of gzip became 300 MB of JSON.
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "klk-daemon"}


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """Limits of the exchange with KLK: `[api]` of the configuration."""

    base_url: str
    timeout_s: float = 120
    connect_timeout_s: float = 5
    max_response_mb: float = 64
    retry_attempts: int = 4
    retry_max_wait_s: float = 30


class KlkClient:
    """An async context manager that lives for one run.

    Args:
        options: limits.
        slots: bounds the requests under way at once, over all runs of the process.
        observer: is told of each request: `answered` or `failed`, its `error_tipo`, its seconds.

    Attributes:
        adelanto_s: seconds by which KLK's clock was ahead of ours at its newest answer, where that told the time.
    """

    def __init__(
        self,
        options: ClientOptions,
        slots: asyncio.Semaphore,
        observer: Callable[[str, str, float], None] = lambda *_: None,
    ) -> None:
        self._options = options
        self._place = USERINFO.sub("://…@", options.base_url)
        self.adelanto_s: float | None = None
        self._observer = observer
        self._slots = slots
        self._http = httpx.AsyncClient(
            base_url=options.base_url,
            headers=HEADERS,
            timeout=httpx.Timeout(options.timeout_s, connect=options.connect_timeout_s),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
            follow_redirects=False,
            trust_env=False,
            verify=_tls(options.base_url),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def almacenes(self) -> Respuesta[wire.Almacen]:
        """Every warehouse of every sucursal.

        Raises:
            ApiError: after the last attempt.
        """
        return await self._ask("GET", "/maestra/almacenes/Reposicion", wire.ALMACENES)

    async def pisoventa(self) -> Respuesta[wire.Almacen]:
        """The sales-floor warehouse of every sucursal, and a pseudo-store `CONS`.

        Raises:
            ApiError: after the last attempt.
        """
        return await self._ask("GET", "/maestra/almacenes/pisoventa", wire.ALMACENES)

    async def articulos(self, almacen: str) -> Respuesta[wire.Articulo]:
        """The articles of one warehouse: articles carry no warehouse code, so one is asked for per call.

        Raises:
            ApiError: after the last attempt.
        """
        return await self._ask(
            "POST", "/maestra/articulos/almacen", wire.ARTICULOS, almacen, {"Codigoalmacen": almacen}
        )

    async def ventas(self, sucursal: str, ventana: Ventana) -> Respuesta[wire.LineaVenta]:
        """The lines of one store that were sold in the window, at most a day (klk-api.md, traps 2 and 7).

        Others are left out: KLK was asked for more than belongs to it, or its hour filter does something else
        (trap 2), and what was not asked for is not vouched for.

        Raises:
            ApiError: after the last attempt.
        """
        body = {"sucursal": sucursal, "fecha_desde": str(ventana.fecha), "fecha_hasta": str(ventana.fecha)}
        if ventana.hora_desde is not None and ventana.hora_hasta is not None:
            body |= {"hora_desde": f"{ventana.hora_desde:%H:%M:%S}", "hora_hasta": f"{ventana.hora_hasta:%H:%M:%S}"}

        def wanted(linea: wire.LineaVenta) -> bool:
            return ventana.contiene(linea.vendida)

        return await self._ask("POST", "/ventas", wire.VENTAS, f"{sucursal} {ventana.fecha}", body, wanted)

    async def _ask(
        self,
        method: str,
        path: str,
        tipo: wire.Tipo[T],
        subject: str = "",
        body: Mapping[str, Any] | None = None,
        wanted: Callable[[T], bool] | None = None,
    ) -> Respuesta[T]:
        what = f"{method} {path} {subject}".rstrip()
        attempts = stamina.retry_context(
            on=self._backoff,
            attempts=self._options.retry_attempts,
            timeout=None,
            wait_initial=WAIT_INITIAL_S,
            wait_max=self._options.retry_max_wait_s,
            wait_jitter=WAIT_INITIAL_S,
        ).with_name(what, (), {})
        async for attempt in attempts:
            with attempt:
                async with self._slots:
                    with self._observed():
                        return parse(await self._exchange(method, path, body, what), tipo, what, wanted)
        raise AssertionError("stamina ends with an answer or an error")  # pragma: no cover

    @contextmanager
    def _observed(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        except ApiError as e:
            self._observer("failed", e.error_tipo, time.monotonic() - began)
            raise
        self._observer("answered", "", time.monotonic() - began)

    def _backoff(self, error: Exception) -> bool | float:
        """Whether to try again, or the seconds to wait where KLK says so."""
        if not isinstance(error, ApiError) or not error.transient:
            return False
        if error.retry_after_s is not None:
            return min(error.retry_after_s, self._options.retry_max_wait_s)
        return True

    async def _exchange(self, method: str, path: str, body: Mapping[str, Any] | None, what: str) -> bytes:
        """One request and its whole answer; httpx's errors become ours here, and nowhere else."""
        limit = self._options.timeout_s
        answering = False
        try:
            async with asyncio.timeout(limit), self._http.stream(method, path, json=body) as response:
                answering = True
                self._compare_clocks(response)
                if response.status_code != OK:
                    raise _refusal(response, what)
                return await self._read(response, what)
        except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout) as e:
            raise TiempoAgotado(
                f"{what}: no whole answer within {limit:g} s", hint="KLK is slow, or hangs; see api.timeout_s"
            ) from e
        except (httpx.RemoteProtocolError, httpx.ReadError) as e:
            if answering:
                raise RespuestaInvalida(f"{what}: the answer was cut off ({str(e) or type(e).__name__})") from e
            raise ConexionFallida(f"{what}: {str(e) or 'the connection broke before an answer came'}") from e
        except httpx.ConnectTimeout as e:
            raise ConexionFallida(
                f"{what}: no connection to {self._place} within {self._options.connect_timeout_s:g} s",
                hint="is this machine's network up, and KLK's server?",
            ) from e
        except httpx.TransportError as e:
            raise ConexionFallida(
                f"{what}: no connection to {self._place}: {_reason(e)}",
                hint="is this machine's network up, and KLK's server?",
            ) from e

    def _compare_clocks(self, response: httpx.Response) -> None:
        moment = _http_date(response.headers.get("Date", ""))
        if moment is not None:
            self.adelanto_s = (moment - datetime.now(UTC)).total_seconds()

    async def _read(self, response: httpx.Response, what: str) -> bytes:
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding.lower() != "identity":
            raise RespuestaInvalida(f"{what}: the answer is compressed ({encoding}), which was not asked for")
        limit = int(self._options.max_response_mb * MIB)
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.aiter_raw():
            size += len(chunk)
            if size > limit:
                raise RespuestaInvalida(
                    f"{what}: the answer is larger than {self._options.max_response_mb:g} MB",
                    hint="see api.max_response_mb",
                )
            chunks.append(chunk)
        return b"".join(chunks)


def _refusal(response: httpx.Response, what: str) -> RespuestaDeError:
    status = response.status_code
    return RespuestaDeError(
        f"{what}: HTTP {status} {response.reason_phrase}".rstrip(),
        status=status,
        retry_after_s=_retry_after(response.headers.get("Retry-After")),
    )


def _retry_after(value: str | None) -> float | None:
    """Seconds from now: RFC 9110 allows a number or a date."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    moment = _http_date(value)
    return None if moment is None else max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _reason(error: Exception) -> str:
    """What the system said, where it did: "refused" and "unreachable" are different faults, in different places.

    httpx says "All connection attempts failed" of both.
    """
    cause: BaseException | None = error
    for _ in range(DEEPEST):  # a chain may be a ring
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror if not cause.errno or cause.errno < 0 else os.strerror(cause.errno)
        cause = (cause.__cause__ or cause.__context__) if cause is not None else None
    return str(error) or type(error).__name__


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # `-0000`: UTC, by RFC 5322


def _tls(base_url: str) -> ssl.SSLContext:
    """Loading the certificate store costs 20 ms, which plain HTTP need not pay."""
    if base_url.startswith("https:"):
        return ssl.create_default_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
