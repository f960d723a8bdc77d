"""Every fault, as a client meets it."""

import gzip
import http.client
import json
import math
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from simulator_client import articulos, ask, call, small_world, ventas

from klk_daemon.simulator import Falla, Latencia, Simulador, TipoFalla, bad_rows, simulador_en_hilo


@pytest.fixture(scope="module")
def running() -> Iterator[Simulador]:
    """A small world."""
    with simulador_en_hilo(small_world()) as simulador:
        yield simulador


@pytest.fixture
def sim(running: Simulador) -> Simulador:
    """The same, without faults and latency, its log empty."""
    running.fallas.quitar()
    running.latencia = Latencia()
    running.olvidar_peticiones()
    return running


def _last(sim: Simulador, resultado: str) -> None:
    """Waits until the log tells how the newest request ended."""
    for _ in range(200):
        if sim.peticiones and sim.peticiones[-1].resultado != "en_curso":
            break
        time.sleep(0.01)
    assert sim.peticiones[-1].resultado == resultado


def test_http_status(sim: Simulador) -> None:
    """An error status with a page, and Retry-After where one is wanted."""
    sim.fallas.poner(Falla(TipoFalla.HTTP, status=429, retry_after="7", veces=1))
    sim.fallas.poner(Falla(TipoFalla.HTTP))
    first, second = ask(sim), ask(sim)
    assert (first.status, first.headers["retry-after"]) == (429, "7")
    assert second.status == 503
    assert "retry-after" not in second.headers
    assert second.headers["content-type"].startswith("text/html")


def test_status_without_a_name(sim: Simulador) -> None:
    """A status that no standard knows is sent all the same."""
    sim.fallas.poner(Falla(TipoFalla.HTTP, status=520))
    assert ask(sim).status == 520


def test_html_and_error_with_200(sim: Simulador) -> None:
    """A page, or an application error, that calls itself a success."""
    sim.fallas.poner(Falla(TipoFalla.HTML, veces=1))
    sim.fallas.poner(Falla(TipoFalla.ERROR, mensaje="Timeout expired", veces=1))
    page, error = ask(sim), ask(sim)
    assert page.status == error.status == 200
    assert page.body.startswith(b"<!DOCTYPE html>")
    assert error.json == {"error": "Timeout expired"}
    assert ask(sim).json["ventas"]


def test_redirect(sim: Simulador) -> None:
    """302 to somewhere else."""
    sim.fallas.poner(Falla(TipoFalla.REDIRECCION, destino="http://127.0.0.1:1/"))
    answer = ask(sim)
    assert (answer.status, answer.headers["location"]) == (302, "http://127.0.0.1:1/")


def test_empty_body(sim: Simulador) -> None:
    """200, and nothing at all."""
    sim.fallas.poner(Falla(TipoFalla.CUERPO_VACIO))
    answer = ask(sim)
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")


def test_hang(sim: Simulador) -> None:
    """No answer; the log has the request under way, and forgets it when the client leaves."""
    sim.fallas.poner(Falla(TipoFalla.CUELGA))
    with socket.create_connection(("127.0.0.1", sim.port), timeout=0.3) as sock:
        sock.sendall(b"POST /ventas?sucursal=SUC001 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        with pytest.raises(TimeoutError):
            sock.recv(1)
        assert sim.peticiones[-1].resultado == "en_curso"
    _last(sim, "cuelga")


def test_hang_ends(sim: Simulador) -> None:
    """After its time the connection is closed without an answer."""
    sim.fallas.poner(Falla(TipoFalla.CUELGA, segundos=0.1))
    with pytest.raises(http.client.RemoteDisconnected):
        ask(sim)
    _last(sim, "cuelga")


@pytest.mark.parametrize("tipo", [TipoFalla.GOTEO, TipoFalla.GOTEO_CABECERA])
def test_drip(sim: Simulador, tipo: TipoFalla) -> None:
    """A few bytes at a time: the header at once and the body slowly, or both slowly."""
    sim.fallas.poner(Falla(tipo, trozo=3, segundos=0.05))
    with socket.create_connection(("127.0.0.1", sim.port), timeout=2) as sock:
        sock.sendall(b"GET /maestra/almacenes/pisoventa HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b""
        deadline = time.monotonic() + 0.4
        while time.monotonic() < deadline:
            received += sock.recv(65536)
    body = received.partition(b"\r\n\r\n")[2]
    if tipo is TipoFalla.GOTEO:
        assert 3 <= len(body) <= 30
    else:
        assert 3 <= len(received) <= 30
    _last(sim, str(tipo))


def test_reset(sim: Simulador) -> None:
    """A TCP reset before the header, or in the middle of the body."""
    sim.fallas.poner(Falla(TipoFalla.CORTE, veces=1))
    with pytest.raises(ConnectionResetError):
        ask(sim)
    sim.fallas.poner(Falla(TipoFalla.CORTE, parte=0.5, veces=1))
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        ask(sim)
    _last(sim, "corte")


def test_truncated(sim: Simulador) -> None:
    """Content-Length promises more than comes."""
    whole = len(ask(sim).body)
    sim.fallas.poner(Falla(TipoFalla.TRUNCADO, parte=0.25))
    with pytest.raises(http.client.IncompleteRead) as broken:
        ask(sim)
    assert len(broken.value.partial) == whole // 4
    _last(sim, "truncado")


def test_json_cut_off(sim: Simulador) -> None:
    """HTTP is sound, the JSON inside ends in the middle."""
    sim.fallas.poner(Falla(TipoFalla.JSON_CORTADO))
    answer = ask(sim)
    assert answer.headers["content-length"] == str(len(answer.body))
    with pytest.raises(json.JSONDecodeError):
        _ = answer.json


def test_fewer_rows_than_the_total_says(sim: Simulador) -> None:
    """Valid JSON, cut short: klk-api.md, trap 8."""
    rows = ventas(sim, "2025-11-17")
    sim.fallas.poner(Falla(TipoFalla.CORTO, parte=0.75))
    answer = ask(sim).json
    assert answer["meta"]["total_registros"] == len(rows)
    assert answer["ventas"] == rows[: len(rows) * 3 // 4]
    stock = call(sim, "POST", "/maestra/articulos/almacen", {"Codigoalmacen": "TANT"}).json
    assert (stock["meta"]["total_articulos"], len(stock["articulos"])) == (200, 150)


def test_empty_and_shrunken_lists(sim: Simulador) -> None:
    """Much too short, and the total agrees: klk-api.md, trap 9."""
    sim.fallas.poner(Falla(TipoFalla.SIN_FILAS, almacen="TANT"))
    sim.fallas.poner(Falla(TipoFalla.ENCOGIDO, almacen="TTZ", parte=0.3))
    assert articulos(sim, "TANT") == []
    assert len(articulos(sim, "TTZ")) == 60
    assert len(articulos(sim, "APP-TBQ")) == 200
    sim.fallas.poner(Falla(TipoFalla.SIN_FILAS, sucursal="SUC002"))
    assert ventas(sim, "2025-11-17", sucursal="SUC002") == []


@pytest.mark.parametrize("total", ["crudas", "distintas"])
def test_repeated_rows(sim: Simulador, total: Any) -> None:
    """Some rows come twice (klk-api.md, trap 5), and the total counts either."""
    rows = ventas(sim, "2025-11-17")
    sim.fallas.poner(Falla(TipoFalla.REPETIDAS, total=total))
    answer = ask(sim).json
    extra = answer["ventas"][len(rows) :]
    assert answer["ventas"][: len(rows)] == rows
    assert 0 < len(extra) < len(rows) / 4
    assert all(row in rows for row in extra)
    counted = len(rows) + len(extra) if total == "crudas" else len(rows)
    assert answer["meta"]["total_registros"] == counted


def _sound(row: dict[str, Any]) -> bool:
    try:
        if "stock" in row or "producto" not in row:
            return isinstance(row["Codigo"], str) and row["Codigo"] != "" and abs(row["stock"]) < 1e12
        numbers = row["cantidad"][0]["cantidad_vendida"], row["financiero"][0]["venta_total_usd"]
        texts = row["numero_factura"], row["fecha"], row["hora"], row["producto"][0]["codigo_producto"]
        return (
            all(isinstance(text, str) and text not in {"", "N/A"} for text in texts)
            and row["fecha"] < "2025-12"
            and 0 < row["linea"] < 100
            and all(math.isfinite(number) and abs(number) < 1e12 for number in numbers)
        )
    except (KeyError, TypeError):
        return False


def test_bad_rows(sim: Simulador) -> None:
    """The share that was asked for is damaged, the other rows are untouched, the total agrees."""
    rows = ventas(sim, "2025-11-17")
    sim.fallas.poner(Falla(TipoFalla.FILAS_MALAS, parte=0.2))
    damaged = ventas(sim, "2025-11-17")
    assert len(damaged) == len(rows)
    bad = [row for row in damaged if not _sound(row)]
    assert 0.1 < len(bad) / len(rows) < 0.3
    assert all(new == old for new, old in zip(damaged, rows, strict=True) if _sound(new))
    stock = articulos(sim)
    assert 10 < sum(not _sound(row) for row in stock) < 80


def test_a_bad_row_is_bad_in_every_answer(sim: Simulador) -> None:
    """Whatever window it is asked for in, the same row has the same damage."""
    sim.fallas.poner(Falla(TipoFalla.FILAS_MALAS, parte=0.2))
    whole = [repr(row) for row in ventas(sim, "2025-11-17")]
    some = [repr(row) for row in ventas(sim, "2025-11-17", hora_desde="10:00", hora_hasta="16:00")]
    assert len([row for row in some if row not in whole]) <= 1  # where none is hit, one is chosen


@pytest.mark.parametrize("dano", ["falta", "nulo", "texto", "nan", "absurdo"])
@pytest.mark.parametrize(
    "campo",
    [
        "numero_factura",
        "linea",
        "fecha",
        "codigo_producto",
        "cantidad_vendida",
        "venta_total_usd",
    ],
)
def test_chosen_damage(sim: Simulador, campo: str, dano: Any) -> None:
    """One field, in one way, on every row."""
    falla = Falla(TipoFalla.FILAS_MALAS, parte=1, campo=campo, dano=dano)
    rows = sim.mundo.oraculo("SUC001", *sim.mundo.dia(sim.mundo.now().date()))
    assert all(_sound(row) for row in rows)
    assert not any(_sound(row) for row in bad_rows(rows, falla))


def test_one_row_at_least_is_bad() -> None:
    """A share too small for any row still meets one; no rows stay no rows."""
    falla = Falla(TipoFalla.FILAS_MALAS, parte=0)
    rows: list[dict[str, Any]] = [{"Codigo": f"{n:06}", "stock": 1} for n in range(50)]
    assert sum(not _sound(row) for row in bad_rows(rows, falla)) == 1
    assert list(bad_rows([], falla)) == []


def test_oversized_body(sim: Simulador) -> None:
    """Megabytes of white space after a sound answer."""
    sim.fallas.poner(Falla(TipoFalla.ENORME, megas=3))
    answer = ask(sim)
    assert len(answer.body) > 3_000_000
    assert answer.json["ventas"]


def test_gzip_bomb(sim: Simulador) -> None:
    """A small body that unpacks to a large one."""
    sim.fallas.poner(Falla(TipoFalla.BOMBA_GZIP, megas=20))
    answer = ask(sim)
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.body) < 50_000
    assert len(gzip.decompress(answer.body)) == 20_000_000
