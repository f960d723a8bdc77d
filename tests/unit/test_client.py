"""The client: what it asks, what an answer's trouble is called, and what is tried again."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as reloj
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio
import respx
import stamina
from wire_rows import articulo, cuerpo_articulos, cuerpo_ventas, linea, un_dia

from klk_daemon.errors import ApiError, ConexionFallida, RespuestaDeError, RespuestaInvalida, TiempoAgotado
from klk_daemon.klk.client import ClientOptions, KlkClient

BASE = "http://klk.test:7002"
VENTAS = f"{BASE}/ventas"


def client(**options: Any) -> KlkClient:
    """A client of the pretended server."""
    return KlkClient(ClientOptions(base_url=BASE, **options), asyncio.Semaphore(6))


@pytest_asyncio.fixture
async def klk() -> AsyncIterator[KlkClient]:
    """A client with the contract's defaults."""
    async with client() as c:
        yield c


@respx.mock
async def test_what_is_asked_of_a_whole_day(klk: KlkClient) -> None:
    """One sucursal, one date twice, and no hours."""
    route = respx.post(VENTAS).respond(content=cuerpo_ventas())
    await klk.ventas("SUC001", un_dia(date(2025, 11, 17)))
    request = route.calls.last.request
    assert json.loads(request.content) == {
        "sucursal": "SUC001",
        "fecha_desde": "2025-11-17",
        "fecha_hasta": "2025-11-17",
    }
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept-encoding"] == "identity"


@respx.mock
async def test_what_is_asked_of_a_part_of_a_day(klk: KlkClient) -> None:
    """Hours as `HH:MM:SS`."""
    route = respx.post(VENTAS).respond(content=cuerpo_ventas(linea()))
    respuesta = await klk.ventas("SUC001", un_dia(desde=reloj(9, 5), hasta=reloj(12, 35, 1)))
    body = json.loads(route.calls.last.request.content)
    assert (body["hora_desde"], body["hora_hasta"]) == ("09:05:00", "12:35:01")
    assert len(respuesta.filas) == 1


@respx.mock
async def test_what_is_asked_of_a_warehouse(klk: KlkClient) -> None:
    """One warehouse per call: articles carry no warehouse code."""
    route = respx.post(f"{BASE}/maestra/articulos/almacen").respond(content=cuerpo_articulos(articulo()))
    assert len((await klk.articulos("APP-TPF")).filas) == 1
    assert json.loads(route.calls.last.request.content) == {"Codigoalmacen": "APP-TPF"}


@pytest.mark.usefixtures("no_backoff")
@pytest.mark.parametrize(
    ("answer", "error", "tipo", "attempts"),
    [
        (httpx.Response(404, html="<html>"), RespuestaDeError, "api_error", 1),
        (httpx.Response(400), RespuestaDeError, "api_error", 1),
        (httpx.Response(301, headers={"Location": f"{BASE}/x"}), RespuestaDeError, "api_error", 1),
        (httpx.Response(302, headers={"Location": "http://elsewhere.test/"}), RespuestaDeError, "api_error", 1),
        (httpx.Response(204), RespuestaDeError, "api_error", 1),
        (httpx.Response(500), RespuestaDeError, "api_error", 4),
        (httpx.Response(503), RespuestaDeError, "api_error", 4),
        (httpx.Response(429), RespuestaDeError, "api_error", 4),
        (httpx.Response(408), RespuestaDeError, "api_error", 4),
        (httpx.Response(200, json={"error": "boom"}), RespuestaDeError, "api_error", 4),
        (httpx.Response(200, html="<html>502</html>"), RespuestaInvalida, "respuesta_invalida", 4),
        (httpx.Response(200), RespuestaInvalida, "respuesta_invalida", 4),
        (httpx.Response(200, json=[linea()]), RespuestaInvalida, "respuesta_invalida", 4),
        (httpx.Response(200, content=cuerpo_ventas(linea(), total=2)), RespuestaInvalida, "respuesta_invalida", 4),
        (httpx.ConnectError("refused"), ConexionFallida, "conexion", 4),
        (httpx.ConnectTimeout("slow"), ConexionFallida, "conexion", 4),
        (httpx.ReadTimeout("slow"), TiempoAgotado, "timeout", 4),
    ],
    ids=lambda v: str(v) if isinstance(v, httpx.Response) else repr(v),
)
@respx.mock
async def test_troubles(
    klk: KlkClient, answer: httpx.Response | Exception, error: type[ApiError], tipo: str, attempts: int
) -> None:
    """Each has its class and its `error_tipo`; what may pass is tried four times in all, a refusal once."""
    route = respx.post(VENTAS).mock(side_effect=lambda _: (_ for _ in ()).throw(answer)) if isinstance(
        answer, Exception
    ) else respx.post(VENTAS).mock(return_value=answer)  # fmt: skip
    with pytest.raises(error) as e:
        await klk.ventas("SUC001", un_dia())
    assert e.value.error_tipo == tipo
    assert e.value.transient == (attempts > 1)
    assert route.call_count == attempts


@pytest.mark.usefixtures("no_backoff")
@respx.mock
async def test_the_next_attempt_may_succeed() -> None:
    """A good answer after two bad ones is an answer."""
    respx.post(VENTAS).mock(
        side_effect=[httpx.Response(502), httpx.Response(200), httpx.Response(200, content=cuerpo_ventas(linea()))]
    )
    async with client(retry_attempts=3) as klk:
        assert len((await klk.ventas("SUC001", un_dia())).filas) == 1


@pytest.mark.usefixtures("no_backoff")
@respx.mock
async def test_one_attempt_is_one() -> None:
    """`retry_attempts` counts attempts, not repetitions."""
    route = respx.post(VENTAS).respond(500)
    async with client(retry_attempts=1) as klk:
        with pytest.raises(RespuestaDeError):
            await klk.ventas("SUC001", un_dia())
    assert route.call_count == 1


def in_seconds(seconds: int) -> str:
    """A `Retry-After` date."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("retry_after", "low", "high"),
    [
        ("7", 7, 7),
        (" 7 ", 7, 7),
        ("0", 0, 0),
        ("3600", 30, 30),
        ("9" * 400, 30, 30),
        ("in -60 s", 0, 0),
        ("in 3600 s", 30, 30),
        ("in 20 s", 10, 20),
        ("Fri, 01 Jan 2100 00:00:00 -0000", 30, 30),
        ("soon", 0.5, 1),
        ("", 0.5, 1),
        ("-5", 0.5, 1),
        ("1.5", 0.5, 1),
        ("\u0663", 0.5, 3),
        ("Mon, 01 Jan 99999999999 00:00:00 GMT", 0.5, 1),
    ],
)
@respx.mock
async def test_retry_after(klk: KlkClient, retry_after: str, low: float, high: float) -> None:
    """Seconds or a date, capped by `retry_max_wait_s`; what is neither leaves the usual wait."""
    waits: list[float] = []
    if found := re.fullmatch(r"in (-?\d+) s", retry_after):
        retry_after = in_seconds(int(found[1]))
    respx.post(VENTAS).mock(
        side_effect=[
            httpx.Response(503, headers={b"Retry-After": retry_after.encode()}),
            httpx.Response(200, content=cuerpo_ventas()),
        ]
    )
    stamina.instrumentation.set_on_retry_hooks([lambda details: waits.append(details.wait_for)])
    try:
        async with asyncio.timeout(0.1):
            await klk.ventas("SUC001", un_dia())
    except TimeoutError:
        pass
    finally:
        stamina.instrumentation.set_on_retry_hooks(None)
    (wait,) = waits
    assert low <= wait <= high


@respx.mock
async def test_waits_grow() -> None:
    """Exponential, with jitter, and never beyond `retry_max_wait_s`."""
    waits: list[float] = []
    respx.post(VENTAS).respond(500)
    stamina.instrumentation.set_on_retry_hooks([lambda details: waits.append(details.wait_for)])
    try:
        async with client(retry_attempts=5, retry_max_wait_s=0.1) as klk:
            with pytest.raises(RespuestaDeError):
                await klk.ventas("SUC001", un_dia())
    finally:
        stamina.instrumentation.set_on_retry_hooks(None)
    assert waits == pytest.approx([0.1] * 4)


@respx.mock
async def test_requests_at_once_are_bounded_over_all_stores() -> None:
    """Two clients that share the slots have no more requests under way than there are slots."""
    under_way = most = 0

    async def answer(_: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return httpx.Response(200, content=cuerpo_ventas())

    respx.post(VENTAS).mock(side_effect=answer)
    slots = asyncio.Semaphore(3)
    options = ClientOptions(base_url=BASE)
    async with KlkClient(options, slots) as a, KlkClient(options, slots) as b:
        await asyncio.gather(*(c.ventas(f"SUC{n}", un_dia()) for n in range(8) for c in (a, b)))
    assert most == 3


@respx.mock
async def test_who_waits_for_the_next_attempt_holds_no_slot() -> None:
    """One store's broken answers do not keep the others from asking."""
    respx.post(VENTAS, json__sucursal="MALA").respond(503, headers={"Retry-After": "30"})
    respx.post(VENTAS).respond(content=cuerpo_ventas())
    async with KlkClient(ClientOptions(base_url=BASE), asyncio.Semaphore(1)) as klk:
        mala = asyncio.create_task(klk.ventas("MALA", un_dia()))
        await asyncio.sleep(0.05)
        began = time.monotonic()
        await klk.ventas("BUENA", un_dia())
        assert time.monotonic() - began < 1
        mala.cancel()
        with pytest.raises(asyncio.CancelledError):
            await mala
