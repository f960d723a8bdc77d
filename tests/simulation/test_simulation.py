"""Seeds of a chain's life: whatever happens, nothing is lost and nothing doubled."""

import os
from pathlib import Path

import pytest

from .seeds import leer
from .world import LARGA, RAPIDA, simular

# Chosen to differ: every kind of fault, the zones whose clocks change, servers of both kinds, one store and two.
SEEDS = (2, 3, 4, 6, 9, 22, 23)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_and_nothing_doubled(seed: int) -> None:
    """After every run the guarantees hold, and after quiet runs the tables equal the API exactly."""
    cuento = simular(seed, RAPIDA)
    assert cuento.lineas > 0


@pytest.mark.parametrize("seed", [2, 9])
def test_nothing_is_lost_and_nothing_doubled_in_a_legacy_file(seed: int, legado: Path) -> None:
    """The same on a database that the older pipeline made, with its products, stock and ledger."""
    cuento = simular(seed, RAPIDA, legado=legado)
    assert cuento.lineas > 0


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", leer(os.environ.get("SEEDS", "1001-1004")))
def test_weeks_of_it(seed: int) -> None:
    """The same for weeks at the full cadence of the cron; `SEEDS=1-500` lives as many as one likes."""
    cuento = simular(seed, LARGA)
    assert cuento.lineas > 0
