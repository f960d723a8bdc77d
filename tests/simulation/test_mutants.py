"""A simulation is worth what it catches: each classic mistake, planted, must be caught."""

import pytest

from .mutants import MUTANTES, cazar
from .planting import PISTAS, SEEDS


@pytest.mark.mutants
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("nombre", MUTANTES)
def test_a_planted_mistake_is_caught(nombre: str) -> None:
    """Some seed breaks an invariant while the mistake is in the program."""
    seeds = [*PISTAS.get(nombre, ()), *SEEDS]
    assert cazar(nombre, seeds) is not None, f"{nombre} survived the seeds {seeds}: the simulation has a hole"
