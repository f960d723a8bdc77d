"""The server itself: where it listens, its clock, its control routes, its command."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from simulator_client import NOW, articulos, call, small_world, ventas

from klk_daemon.simulator import Falla, Mundo, Reloj, Simulador, TipoFalla, simulador_en_hilo


@pytest.fixture
def sim() -> Iterator[Simulador]:
    """A small world of its own."""
    with simulador_en_hilo(small_world()) as running:
        yield running


@pytest.mark.parametrize("host", ["0.0.0.0", "190.6.32.3", "10.0.0.1", "::", "example.org", ""])
def test_only_loopback(host: str) -> None:
    """It refuses to be reached from elsewhere, before it binds."""
    with pytest.raises(ValueError, match="loopback"):
        Simulador(small_world(), host=host)
    with pytest.raises(ValueError, match="loopback"), simulador_en_hilo(small_world(), host=host):
        pass


def test_localhost_and_free_ports() -> None:
    """`localhost` is 127.0.0.1; two simulators take two free ports."""
    with simulador_en_hilo(small_world(), host="localhost") as one, simulador_en_hilo(small_world()) as two:
        assert one.url == f"http://127.0.0.1:{one.port}"
        assert one.port != two.port


def test_a_taken_port_is_told(sim: Simulador) -> None:
    """The caller gets the OSError, from the thread too."""
    with pytest.raises(OSError, match="in use"), simulador_en_hilo(small_world(), port=sim.port):
        pass


async def test_in_the_callers_loop() -> None:
    """`async with` serves until it is left, hanging connections included."""
    async with Simulador(small_world()) as simulador:
        simulador.fallas.poner(Falla(TipoFalla.CUELGA))
        reader, writer = await asyncio.open_connection("127.0.0.1", simulador.port)
        writer.write(b"GET /maestra/almacenes/pisoventa HTTP/1.1\r\nHost: x\r\n\r\n")
        await writer.drain()
        async with asyncio.timeout(5):
            while not simulador.peticiones:  # noqa: ASYNC110 - the log is a list, not an event
                await asyncio.sleep(0.01)
        port = simulador.port
    try:
        assert await reader.read() == b""
    except ConnectionResetError:
        pass  # dropped, as it should be
    finally:
        writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


def test_shutdown_does_not_wait_for_a_client_that_does_not_read() -> None:
    """A large answer half sent does not hold up the end."""
    with socket.socket() as sock, simulador_en_hilo(small_world()) as simulador:
        simulador.fallas.poner(Falla(TipoFalla.ENORME, megas=50))
        sock.connect(("127.0.0.1", simulador.port))
        sock.sendall(b"GET /maestra/almacenes/pisoventa HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sock.recv(10) == b"HTTP/1.1 2"


def test_clock_stands_runs_and_jumps() -> None:
    """A set clock stands; with a factor it runs; a callable is asked each time."""
    clock = Reloj(now=NOW, factor=0)
    assert clock.now() == clock.now() == NOW
    assert clock.advance(timedelta(hours=1)) == NOW + timedelta(hours=1)
    clock.set_now(NOW, factor=1e6)
    first, second = clock.now(), clock.now()
    assert NOW < first < second
    times = iter([NOW, NOW + timedelta(minutes=1)])
    asked = Reloj(lambda: next(times))
    assert asked.now() < asked.now()
    assert abs(Reloj().now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_clock_refuses_naive_times() -> None:
    """A time without a zone could mean two instants."""
    naive = datetime(2025, 11, 18)  # noqa: DTZ001 - naive on purpose
    with pytest.raises(ValueError, match="zone"):
        Reloj(now=naive)
    with pytest.raises(ValueError, match="zone"):
        Reloj(lambda: naive).now()
    with pytest.raises(ValueError, match="factor"):
        Reloj(now=NOW, factor=-1)


def test_state(sim: Simulador) -> None:
    """`GET /_sim/` tells the time, the stores, the faults and how often each path was asked."""
    articulos(sim)
    sim.fallas.poner(Falla(TipoFalla.HTTP, sucursal="SUC001"))
    state = call(sim, "GET", "/_sim/").json
    assert state["ahora"] == "2025-11-18T12:00:00-04:00"
    assert [tienda["sucursal"] for tienda in state["tiendas"]] == ["SUC001", "SUC002", "SUC003", "SUC005"]
    assert state["peticiones"] == {"/maestra/articulos/almacen": 1}
    assert state["fallas"][0]["sucursal"] == "SUC001"
    assert set(state["tipos_de_falla"]) == set(TipoFalla)


def test_faults_by_http(sim: Simulador) -> None:
    """POST switches one on, GET lists, DELETE switches off one or all."""
    made = call(sim, "POST", "/_sim/fallas", {"tipo": "http", "status": 500, "sucursal": "SUC001"})
    assert made.status == 201
    call(sim, "POST", "/_sim/fallas", {"tipo": "sin_filas", "almacen": "TANT"})
    assert [falla["tipo"] for falla in call(sim, "GET", "/_sim/fallas").json] == ["http", "sin_filas"]
    day = {"sucursal": "SUC001", "fecha_desde": "2025-11-17", "fecha_hasta": "2025-11-17"}
    assert call(sim, "POST", "/ventas", day).status == 500
    assert articulos(sim, "TANT") == []
    assert call(sim, "DELETE", f"/_sim/fallas?id={made.json['id']}").json == {"quitadas": 1}
    assert call(sim, "POST", "/ventas", day).status == 200
    assert call(sim, "DELETE", "/_sim/fallas").json == {"quitadas": 1}
    assert len(articulos(sim, "TANT")) == 200


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("fallas", {}),
        ("fallas", {"tipo": "nada"}),
        ("fallas", {"tipo": "http", "tienda": "SUC001"}),
        ("fallas", {"tipo": "http", "sucursal": 1}),
        ("fallas", {"tipo": "http", "veces": 1.5}),
        ("fallas", {"tipo": "corto", "parte": [1]}),
        ("fallas", ["http"]),
        ("reloj", {"ahora": "ayer"}),
        ("reloj", {"factor": -1}),
        ("reloj", {"avanza_s": 1e300}),
        ("latencia", {"base": -1}),
        ("latencia", {"lenta": 1}),
    ],
)
def test_senseless_control_requests_are_refused(sim: Simulador, path: str, data: object) -> None:
    """400 and a reason; nothing is changed."""
    answer = call(sim, "POST", f"/_sim/{path}", data)
    assert answer.status == 400
    assert answer.json["error"]
    assert sim.fallas.todas() == []
    assert sim.mundo.clock.now() == NOW


def test_unknown_control_routes(sim: Simulador) -> None:
    """404 and 405, as JSON; a path that only begins alike is none of them."""
    assert call(sim, "GET", "/_simio").headers["content-type"].startswith("text/html")
    assert call(sim, "GET", "/_sim/nada").status == 404
    answer = call(sim, "GET", "/_sim/reloj")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_clock_by_http(sim: Simulador) -> None:
    """A local time sets it, seconds move it, the factor lets it stand or run."""
    set_to = call(sim, "POST", "/_sim/reloj", {"ahora": "2025-11-17T08:00:00", "factor": 0}).json
    assert set_to == {"ahora": "2025-11-17T08:00:00-04:00", "factor": 0.0}
    early = len(ventas(sim, "2025-11-17"))
    assert call(sim, "POST", "/_sim/reloj", {"avanza_s": 3600}).json["ahora"] == "2025-11-17T09:00:00-04:00"
    assert len(ventas(sim, "2025-11-17")) > early


def test_latency_by_http(sim: Simulador) -> None:
    """What is not named stays as it was."""
    call(sim, "POST", "/_sim/latencia", {"base": 0.01})
    answer = call(sim, "POST", "/_sim/latencia", {"jitter": 0.02})
    assert answer.json == {"base": 0.01, "jitter": 0.02, "por_dia": 0.0, "carga": 0.0}
    assert sim.latencia.base == 0.01


def test_log_of_requests(sim: Simulador) -> None:
    """Path, body, times and outcome of the newest; it can be emptied."""
    articulos(sim, "TANT")
    ventas(sim, "2025-11-17")
    log = call(sim, "GET", "/_sim/peticiones").json
    assert [entry["ruta"] for entry in log] == ["/maestra/articulos/almacen", "/ventas"]
    assert '"TANT"' in log[0]["cuerpo"]
    assert (log[0]["status"], log[0]["filas"], log[0]["resultado"]) == (200, 200, "ok")
    assert log[0]["inicio"] <= log[0]["fin"]
    assert len(call(sim, "GET", "/_sim/peticiones?limite=1").json) == 1
    call(sim, "DELETE", "/_sim/peticiones")
    assert call(sim, "GET", "/_sim/peticiones").json == []


def test_oracle_and_stock_by_http(sim: Simulador) -> None:
    """What the perfect client holds, for programs in other processes."""
    query = "sucursal=SUC001&desde=2025-11-17&hasta=2025-11-18T00:00:00"
    lines = call(sim, "GET", f"/_sim/oraculo?{query}").json
    assert lines == ventas(sim, "2025-11-17")
    earlier = call(sim, "GET", f"/_sim/oraculo?{query}&en=2025-11-17T12:00:00").json
    assert 0 < len(earlier) < len(lines)
    stock = call(sim, "GET", "/_sim/existencias?almacen=TANT").json
    assert stock == {row["Codigo"]: row["stock"] for row in articulos(sim, "TANT")}
    assert call(sim, "GET", "/_sim/oraculo?sucursal=SUC001").status == 400
    assert call(sim, "GET", f"/_sim/oraculo?{query.replace('2025-11-18', '2026-11-18')}").status == 400


def test_times_on_the_command_line() -> None:
    """A share and a time with its unit; `0` is none."""
    from klk_daemon.cli.simulate import _falla, _parte  # noqa: PLC0415 - beside what it tests

    assert _parte("0") == (0.0, timedelta())
    assert _parte("0.2:45m") == (0.2, timedelta(minutes=45))
    assert _parte(".03:3h") == (0.03, timedelta(hours=3))
    for wrong in ("0.2", "x:1h", "0.2:45", "-1:1h", ""):
        with pytest.raises(ValueError, match="45m"):
            _parte(wrong)
    mundo = Mundo()
    assert _falla("http:SUC001", mundo) == Falla(TipoFalla.HTTP, sucursal="SUC001")
    assert _falla("sin_filas:TANT", mundo) == Falla(TipoFalla.SIN_FILAS, almacen="TANT")
    for wrong in ("nada", "http:SUC999"):
        with pytest.raises(ValueError, match=r"nada|SUC999"):
            _falla(wrong, mundo)


COMMAND = """
import sys, typer
from klk_daemon.cli.simulate import simulate
assert "klk_daemon.simulator" not in sys.modules
app = typer.Typer(); app.command()(simulate); app()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command(number: signal.Signals) -> None:
    """It prints its address, serves with the faults that were asked for, and ends with 0 when told to."""
    asked = ["--port", "0", "--articulos", "50", "--reloj", "2025-11-18T12:00:00", "--falla", "sin_filas:TANT"]
    with subprocess.Popen(
        [sys.executable, "-u", "-c", COMMAND, *asked], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        match = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert match is not None
        simulador = Simulador(small_world(), port=int(match[1]))  # only for its port; it is not entered
        assert articulos(simulador, "TANT") == []
        assert len(articulos(simulador, "TTZ")) == 50
        assert call(simulador, "GET", "/_sim/").json["ahora"].startswith("2025-11-18T12:0")
        process.send_signal(number)
        assert process.wait(10) == 0
        assert "curl" in process.stdout.read()


@pytest.mark.parametrize(
    "asked", [["--host", "0.0.0.0"], ["--falla", "nada"], ["--tardias", "0.2"], ["--zona", "Marte"]]
)
def test_command_refuses(asked: list[str]) -> None:
    """Usage errors exit with 2, without a traceback."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "--port", "0", *asked], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
