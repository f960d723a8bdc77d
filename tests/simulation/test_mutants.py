"""A simulation is worth what it catches: each classic mistake, planted, must be caught."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from . import test_bad_rows_and_clocks as clocks
from . import test_poor_answers as poor
from . import test_scenarios as scenarios
from .mutants import MUTANTES, cazar
from .planting import PISTAS, SEEDS, plantado

# Mistakes that seldom show in a seed: a single story is told for each.
ESCENAS: dict[str, Callable[[Path], Coroutine[Any, Any, None]]] = {
    "cuerpo_vacio_aceptado": poor.test_an_empty_body_is_no_empty_day,
    "sin_filas_cuando_hay_mala": poor.test_a_bad_row_costs_one_row,
    "dia_de_24_horas": lambda path: scenarios.test_days_on_which_the_clock_changes(
        path, "Europe/Madrid", date(2025, 10, 26)
    ),
    "cobertura_del_futuro": clocks.test_what_a_wrong_clock_claimed_is_given_up,
}


@pytest.mark.mutants
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("nombre", [nombre for nombre in MUTANTES if nombre not in ESCENAS])
def test_a_planted_mistake_is_caught(nombre: str) -> None:
    """Some seed breaks an invariant while the mistake is in the program."""
    seeds = [*PISTAS.get(nombre, ()), *SEEDS]
    assert cazar(nombre, seeds) is not None, f"{nombre} survived the seeds {seeds}: the simulation has a hole"


@pytest.mark.mutants
@pytest.mark.parametrize("nombre", ESCENAS)
def test_a_planted_mistake_spoils_its_story(nombre: str, tmp_path: Path) -> None:
    """The story that passes without the mistake fails with it."""
    with plantado(nombre), pytest.raises(AssertionError):
        asyncio.run(ESCENAS[nombre](tmp_path))
