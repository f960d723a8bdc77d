"""The API: what is asked, and what is made of the answers."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
import respx
from wire_rows import articulo, cuerpo_articulos

from klk_daemon.checks.finding import Grado, Hallazgo
from klk_daemon.checks.klk import KlkCheck, clock
from klk_daemon.domain import Tienda
from klk_daemon.klk.client import ClientOptions, KlkClient

BASE = "http://klk.test:7002"
REPOSICION = f"{BASE}/maestra/almacenes/Reposicion"
PISOVENTA = f"{BASE}/maestra/almacenes/pisoventa"
ARTICULOS = f"{BASE}/maestra/articulos/almacen"
NOW = datetime(2025, 11, 17, 16, 0, tzinfo=UTC)
BOSQUE = Tienda("tienda_08", "BOSQUE", "SUC002", ("APP-TBQ",))
ROW = {"CodigoSucursal": "SUC002", "NombreSucursal": "BOSQUE", "CodigoAlmacen": "APP-TBQ", "NombreAlmacen": "PV"}


async def check(*tiendas: Tienda, slots: int = 6) -> dict[str, Hallazgo]:
    """The findings by name."""
    client = KlkClient(ClientOptions(base_url=BASE, timeout_s=0.3, retry_attempts=1), asyncio.Semaphore(slots))
    asking = KlkCheck(client, asyncio.Semaphore(slots), url=BASE, zona="America/Caracas", clock=lambda: NOW)
    return {found.check: found for found in await asking.run(tiendas)}


@respx.mock
async def test_all_is_well() -> None:
    """One call for each list and warehouse; an older server's bare lists, without a time, will do."""
    respx.get(REPOSICION).respond(json=[ROW])
    respx.get(PISOVENTA).respond(json=[ROW | {"CodigoSucursal": "CONS", "CodigoAlmacen": "CONS"}, ROW])
    respx.post(ARTICULOS).respond(content=cuerpo_articulos(articulo()))
    found = await check(BOSQUE)
    assert found["api"].estado is Grado.OK
    assert "1 sucursales, 1 almacenes" in found["api"].mensaje
    assert found["tienda tienda_08"].mensaje == "SUC002 BOSQUE: APP-TBQ 1 articles"
    assert found["clock"].estado is Grado.WARN
    assert respx.calls.call_count == 3


@respx.mock
async def test_a_server_without_the_list_of_sales_floors() -> None:
    """The other list is enough."""
    respx.get(REPOSICION).respond(json=[ROW])
    respx.get(PISOVENTA).respond(404, html="<html>")
    respx.post(ARTICULOS).respond(content=cuerpo_articulos(articulo()))
    found = await check(BOSQUE)
    assert found["tienda tienda_08"].estado is Grado.OK


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(200, html="<html>"),
        httpx.Response(200, json={"error": "base de datos"}),
        httpx.Response(200, json={"otra": []}),
        httpx.ConnectError("refused"),
    ],
)
@respx.mock
async def test_an_api_that_does_not_answer(answer: httpx.Response | Exception) -> None:
    """One failure with its reason; what hangs on it says that it was not checked."""
    respx.get(REPOSICION).mock(side_effect=[answer])
    respx.get(PISOVENTA).respond(json=[])
    found = await check(BOSQUE)
    assert (found["api"].estado, found["clock"].estado, found["tiendas"].estado) == (
        Grado.FAIL,
        Grado.WARN,
        Grado.WARN,
    )
    assert "Reposicion" in found["api"].mensaje


@respx.mock
async def test_stores_behind_one_that_hangs_are_not_asked_about() -> None:
    """Or a hanging server would be waited for as often as there are warehouses."""
    respx.get(REPOSICION).respond(json=[ROW])
    respx.get(PISOVENTA).respond(json=[])
    respx.post(ARTICULOS).mock(side_effect=httpx.ReadTimeout("slow"))
    found = await check(BOSQUE, Tienda("otra", "OTRA", "SUC002", ("A", "B", "C")), slots=1)
    assert respx.calls.call_count == 3
    assert found["tienda tienda_08"].estado is Grado.FAIL
    assert found["tienda otra"].estado is Grado.WARN


@respx.mock
async def test_the_servers_clock() -> None:
    """HTTP's Date is compared with this machine's clock."""
    ahead = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    respx.get(REPOSICION).respond(json=[ROW], headers={"Date": ahead})
    respx.get(PISOVENTA).respond(json=[], headers={"Date": ahead})
    found = await check()
    assert found["clock"].estado is Grado.FAIL
    assert "s behind KLK's" in found["clock"].mensaje


@pytest.mark.parametrize(
    ("generada", "estado"),
    [
        ("2025-11-17T16:00:59.500Z", Grado.OK),
        ("2025-11-17T12:02:00-04:00", Grado.WARN),
        ("2025-11-17T15:50:00.000Z", Grado.FAIL),
        ("2025-11-17T16:00:00", Grado.WARN),
        ("hoy", Grado.WARN),
    ],
)
@respx.mock
async def test_the_answers_time_stands_in_for_the_servers_clock(generada: str, estado: Grado) -> None:
    """`fecha_generacion`, where it is an instant; anything else tells no time."""
    respx.get(REPOSICION).respond(json=[ROW])
    respx.get(PISOVENTA).respond(json=[])
    respx.post(ARTICULOS).respond(json={"meta": {"fecha_generacion": generada}, "articulos": [articulo()]})
    assert (await check(BOSQUE))["clock"].estado is estado


@pytest.mark.parametrize(
    ("ahead", "estado"),
    [(None, Grado.WARN), (0.4, Grado.OK), (-60.0, Grado.OK), (61.0, Grado.WARN), (-301.0, Grado.FAIL)],
)
def test_how_far_clocks_may_differ(ahead: float | None, estado: Grado) -> None:
    """Above a minute it warns, above five it fails; it names the stores' time."""
    found = clock(ahead, "America/Caracas", NOW)
    assert found.estado is estado
    assert found.mensaje.startswith("12:00:00 in America/Caracas")
