"""How a mistake is planted in the real code, and hunted."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from .world import RAPIDA, SemillaFallida, simular

# Where a mistake shows in few seeds only, one that shows it; the others follow.
PISTAS: dict[str, tuple[int, ...]] = {
    "articulo_doble": (6,),
    "sin_colapso": (14,),
}
SEEDS = (2, 1, 9, 6, 4, 8, 14, 3, 5, 16, *range(17, 41))

Parche = tuple[object, str, Any]
MUTANTES: dict[str, Callable[[], Sequence[Parche]]] = {}


def mutante(make: Callable[[], Sequence[Parche]]) -> Callable[[], Sequence[Parche]]:
    """Registers a mutant: its docstring is the mistake."""
    MUTANTES[make.__name__] = make
    return make


@contextmanager
def plantado(nombre: str) -> Iterator[None]:
    """The mistake is in the program while this lasts."""
    with ExitStack() as stack:
        for target, attribute, value in MUTANTES[nombre]():
            stack.enter_context(patch.object(target, attribute, value))
        yield


def cazar(nombre: str, seeds: Sequence[int]) -> tuple[int, str] | None:
    """The first seed that catches a mutant, and the invariant that it broke; None where it survives them all."""
    with plantado(nombre):
        for seed in seeds:
            try:
                simular(seed, RAPIDA)
            except SemillaFallida as e:
                return seed, e.invariante
    return None
