"""The classic mistakes, planted in the real code one at a time: each must be caught, or the simulation has a hole.

`python -m tests.simulation.mutants` prints which seed caught which, and by what.
"""

import sys
import time
from collections.abc import Sequence

from . import mistakes_keeping, mistakes_reading
from .planting import MUTANTES, PISTAS, SEEDS, cazar
from .seeds import leer

__all__ = ["MUTANTES", "cazar", "main", "mistakes_keeping", "mistakes_reading"]


def main(args: Sequence[str]) -> int:
    """Prints the table; 1 where a mutant survived."""
    seeds = leer(args[0]) if args else SEEDS
    nombres = args[1:] or list(MUTANTES)
    alive = []
    sys.stdout.write("| mutant | the mistake | caught by seed | invariant broken |\n| --- | --- | --- | --- |\n")
    for nombre in nombres:
        began = time.monotonic()
        found = cazar(nombre, [*PISTAS.get(nombre, ()), *seeds])
        what = (MUTANTES[nombre].__doc__ or "").splitlines()[0]
        seed, invariante = found or ("-", "SURVIVED")
        sys.stdout.write(f"| `{nombre}` | {what} | {seed} | {invariante} |\n")
        sys.stderr.write(f"{nombre}: {time.monotonic() - began:.1f} s\n")
        sys.stdout.flush()
        alive += [nombre] * (found is None)
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
