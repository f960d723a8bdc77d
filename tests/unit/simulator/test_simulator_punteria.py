"""Whom the faults meet, how often, and how long answers take."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from simulator_client import DAY, ask, call, small_world

from klk_daemon.simulator import Falla, Latencia, Simulador, TipoFalla, simulador_en_hilo


@pytest.fixture(scope="module")
def running() -> Iterator[Simulador]:
    """A small world."""
    with simulador_en_hilo(small_world()) as simulador:
        yield simulador


@pytest.fixture
def sim(running: Simulador) -> Simulador:
    """The same, without faults and latency."""
    running.fallas.quitar()
    running.latencia = Latencia()
    return running


def test_faults_meet_whom_they_aim_at(sim: Simulador) -> None:
    """A store's fault meets its sales and its warehouses, a path's that path; the control routes none."""
    sim.fallas.poner(Falla(TipoFalla.HTTP, sucursal="SUC003"))
    assert ask(sim, "SUC003").status == 503
    assert ask(sim, "SUC001").status == 200
    stock = {"Codigoalmacen": ["TANT"]}
    assert call(sim, "POST", "/maestra/articulos/almacen", stock).status == 503
    assert call(sim, "GET", "/maestra/almacenes/Reposicion?sucursal=SUC003").status == 503
    sim.fallas.quitar()
    sim.fallas.poner(Falla(TipoFalla.HTTP, ruta="/ventas"))
    assert ask(sim).status == 503
    assert call(sim, "POST", "/maestra/articulos/almacen", stock).status == 200
    sim.fallas.poner(Falla(TipoFalla.HTTP))
    assert call(sim, "GET", "/_sim/").status == 200


def test_faults_are_counted_and_taken_away(sim: Simulador) -> None:
    """`veces` meets so many requests; `quitar` takes one away, or all."""
    sim.fallas.poner(Falla(TipoFalla.HTTP, veces=2))
    assert sim.fallas.todas()[0].veces == 2
    assert [ask(sim).status for _ in range(3)] == [503, 503, 200]
    assert sim.fallas.todas() == []
    one, two = (sim.fallas.poner(Falla(TipoFalla.HTTP, status=status)) for status in (500, 502))
    assert sim.fallas.quitar(one.id) == 1
    assert ask(sim).status == 502
    assert sim.fallas.quitar() == 1
    assert sim.fallas.quitar(two.id) == 0
    assert ask(sim).status == 200


def test_probability_is_drawn_from_the_seed() -> None:
    """Half the requests fail, the same ones in every run."""
    outcomes = []
    for _ in range(2):
        with simulador_en_hilo(small_world()) as sim:
            sim.fallas.poner(Falla(TipoFalla.HTTP, probabilidad=0.5))
            outcomes.append([ask(sim).status for _ in range(30)])
    assert outcomes[0] == outcomes[1]
    assert 5 < outcomes[0].count(503) < 25


@pytest.mark.parametrize(
    "wrong",
    [
        {"tipo": "nada"},
        {"tipo": "http", "status": 200},
        {"tipo": "corto", "parte": 2},
        {"tipo": "corto", "parte": float("nan")},
        {"tipo": "http", "veces": 0},
        {"tipo": "http", "probabilidad": -1},
        {"tipo": "http", "retry_after": "1\r\nX: y"},
        {"tipo": "goteo", "trozo": 0},
        {"tipo": "filas_malas", "dano": "leve"},
    ],
)
def test_senseless_faults_are_refused(wrong: dict[str, Any]) -> None:
    """A value out of range is a ValueError where the fault is made."""
    with pytest.raises(ValueError, match=r"nada|status|parte|veces|probabilidad|retry_after|trozo|dano"):
        Falla(**wrong)


def test_latency_by_days_and_load(sim: Simulador) -> None:
    """The wait grows with the days asked for and with the requests under way; jitter stays in its bounds."""
    sim.latencia = Latencia(por_dia=0.05)
    begin = time.monotonic()
    call(sim, "POST", "/ventas", DAY | {"fecha_desde": "2025-11-15"})
    assert 0.15 <= time.monotonic() - begin < 1
    sim.latencia = Latencia(base=0.1, jitter=0.05, carga=1)
    begin = time.monotonic()
    threads = [threading.Thread(target=ask, args=(sim,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.2 <= time.monotonic() - begin < 1.5
    assert sim.en_curso_max >= 2
