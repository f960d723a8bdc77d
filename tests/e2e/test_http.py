"""The daemon's HTTP server, and the commands that hand it their work (contract, "HTTP", "Commands")."""

import signal
import socket
import stat
import subprocess
import time

from klk_daemon.simulator import Falla, Latencia, Simulador, TipoFalla

from .daemon import running, wait_for
from .installation import ARTIGAS, PROGRAM, Instalacion


def test_open_to_everybody(instalacion: Instalacion) -> None:
    """Health, readiness, metrics, status and runs are readable on loopback, under a strict content policy."""
    with running(instalacion) as daemon:
        for path in ("/healthz", "/readyz", "/metrics", "/api/status", "/api/runs"):
            answer = daemon.ask(path)
            assert answer.status == 200, path
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert daemon.ask("/readyz").json == {"listo": True, "atrasado": [], "sin_leer": None}
        assert [run["job"] for run in daemon.ask("/api/runs").json] == ["ventas", "inventario"]
        assert daemon.ask("/api/runs?limit=x").status == 400
        assert daemon.ask("/nada").status == 404
        assert daemon.stop() == 0


def test_checks_in_order(instalacion: Instalacion) -> None:
    """A foreign name is 421, then a foreign origin 403, then a missing or wrong token 401; nothing ran."""
    with running(instalacion) as daemon:
        here = daemon.url.removeprefix("http://")
        trigger = "/api/trigger/ventas"
        bearer = {"Authorization": f"Bearer {daemon.token}"}
        assert daemon.ask(trigger, body="{}", Host="evil.example", Origin="http://evil.example").status == 421
        assert daemon.ask("/healthz", Host="evil.example").status == 421
        assert daemon.ask(trigger, body="{}", Origin="http://evil.example", **bearer).status == 403
        assert daemon.ask(trigger, body="{}", Origin="null", **bearer).status == 403
        assert daemon.ask(trigger, body="{}", Sec_Fetch_Site="cross-site", **bearer).status == 403
        assert daemon.ask(trigger, body="{}").status == 401
        assert daemon.ask(trigger, body="{}", Authorization="Bearer wrong").status == 401
        assert daemon.ask("/healthz", Host=f"localhost:{here.rpartition(':')[2]}").status == 200
        assert len(daemon.ask("/api/runs").json) == 2
        assert daemon.ask(trigger, body="{}", Origin=daemon.url, **bearer).status == 202


def test_token_is_private(instalacion: Instalacion) -> None:
    """The token has 256 bits, and it and its folder are for their owner alone."""
    with running(instalacion) as daemon:
        assert len(daemon.token) >= 43  # base64 of 32 bytes
        assert stat.S_IMODE((instalacion.state / "token").stat().st_mode) == 0o600
        assert stat.S_IMODE(instalacion.state.stat().st_mode) == 0o700


def test_bad_orders(instalacion: Instalacion) -> None:
    """An order that makes no sense is refused with a sentence that says why."""
    with running(instalacion) as daemon:
        refused = {
            ("/api/trigger/nada", "{}"): (404, "no job"),
            ("/api/trigger/ventas", "{"): (400, "JSON"),
            ("/api/trigger/ventas", '{"x": 1}'): (400, "x"),
            ("/api/trigger/ventas", '{"tiendas": ["tienda_99"]}'): (400, "tienda_99"),
            ("/api/trigger/inventario", '{"desde": "2025-01-01"}'): (400, "--desde"),
            ("/api/trigger/ventas", "x" * 70_000): (413, "large"),
        }
        for (path, body), (status, word) in refused.items():
            answer = daemon.order(path, body)
            assert (answer.status, word in answer.json["error"]) == (status, True), answer


def test_trigger_is_handed_over(instalacion: Instalacion) -> None:
    """`trigger` gets its document from the daemon, whose log has the run; another process does not run it."""
    with running(instalacion) as daemon:
        salida = instalacion.trigger("ventas")
        assert salida.documento["estado"] == "exitoso"
        assert "etl_iniciado" not in salida.err
        assert daemon.ask("/api/runs?limit=1").json[0]["run_id"] == salida.documento["run_id"]
        assert len(instalacion.trigger("todo").documento) == 2
        assert instalacion.trigger("ventas", "--tienda", ARTIGAS).partes.keys() == {ARTIGAS}
        assert 'klk_runs_total{estado="exitoso",job="ventas"} 4.0' in daemon.ask("/metrics").body


def test_exit_codes_are_handed_back(instalacion: Instalacion, simulador: Simulador) -> None:
    """A store that fails in the daemon is exit 1 here; a job that is busy there is exit 4 with --no-wait."""
    with running(instalacion):
        falla = simulador.fallas.poner(Falla(TipoFalla.HTML, sucursal="SUC003"))
        salida = instalacion.trigger("ventas", code=1)
        assert salida.estados[ARTIGAS] == ("fallido", "respuesta_invalida")
        simulador.fallas.quitar(falla.id)
        simulador.latencia = Latencia(1.5)
        with instalacion.start("trigger", "ventas"):
            wait_for(lambda: len(instalacion.of("etl_iniciado")) == 4, "the run begins")
            assert "under way" in instalacion.run("trigger", "ventas", "--no-wait", code=4).err


def test_interrupted_listener(instalacion: Instalacion, simulador: Simulador) -> None:
    """Ctrl-C ends the listening with 130 and says that the run goes on, and it does."""
    with running(instalacion):
        simulador.latencia = Latencia(2)
        process = subprocess.Popen(
            [*PROGRAM, "trigger", "ventas"],
            env=instalacion.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for(lambda: len(instalacion.of("etl_iniciado")) == 3, "the run begins")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
        assert process.returncode == 130
        assert "goes on" in err
        wait_for(lambda: len(instalacion.of("etl_completado")) == 3, "the run ends well")


def test_pause_survives_a_restart(instalacion: Instalacion) -> None:
    """A paused job is not run at a start that would run it; its manual trigger works; resume ends it."""
    instalacion.run("pause", "ventas", "--for", "2h", code=0)
    with running(instalacion, runs=1) as daemon:
        wait_for(lambda: bool(instalacion.of("pausado")), "the pause is seen")
        assert [run["job"] for run in daemon.ask("/api/runs").json] == ["inventario"]
        assert "ventas" in daemon.ask("/api/status").json["pausas"]
        instalacion.trigger("ventas")
        assert "paused until" in instalacion.run("status").out
        assert daemon.order("/api/resume/ventas").status == 200
        assert daemon.ask("/api/status").json["pausas"] == {}
        assert daemon.order("/api/pause/inventario", "{}").json["pausado"] is True
        assert "resumed: inventario" in instalacion.run("resume", code=0).out


def test_stale_is_not_ready(instalacion: Instalacion, simulador: Simulador) -> None:
    """A store that never succeeded makes readyz 503 and names it; healthz stays 200."""
    simulador.fallas.poner(Falla(TipoFalla.HTTP, sucursal="SUC003"))
    with running(instalacion) as daemon:
        answer = daemon.ask("/readyz")
        assert answer.status == 503
        assert {late["tienda"] for late in answer.json["atrasado"]} == {ARTIGAS}
        assert daemon.ask("/healthz").status == 200


def test_elsewhere_than_loopback_needs_the_token(instalacion: Instalacion) -> None:
    """On another address everything but healthz asks for the token."""
    instalacion.ajustes["http.host"] = "0.0.0.0"
    with running(instalacion) as daemon:
        daemon.url = daemon.url.replace("0.0.0.0", "127.0.0.1")
        assert daemon.ask("/healthz").status == 200
        assert daemon.ask("/api/status").status == 401
        assert daemon.ask("/metrics", Authorization=f"Bearer {daemon.token}").status == 200


def test_port_in_use(instalacion: Instalacion) -> None:
    """A port that another program has does not keep the jobs from running, and the log names it."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        instalacion.ajustes |= {"http.enabled": True, "http.port": other.getsockname()[1]}
        instalacion.configure()
        with instalacion.start("run"):
            wait_for(lambda: len(instalacion.of("etl_completado")) == 2, "both jobs run")
    (event,) = instalacion.of("http_no_disponible")
    assert "in use" in event["error"]


def test_slow_listeners_do_not_delay(instalacion: Instalacion) -> None:
    """Fifty connections that send half a request keep nobody from an answer."""
    with running(instalacion) as daemon:
        host, port = daemon.url.removeprefix("http://").split(":")
        idle = [socket.create_connection((host, int(port))) for _ in range(50)]
        for connection in idle:
            connection.sendall(b"GET /api/status HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        began = time.monotonic()
        assert daemon.ask("/healthz").status == 200
        assert instalacion.trigger("ventas").code == 0
        assert time.monotonic() - began < 20
        for connection in idle:
            connection.close()
