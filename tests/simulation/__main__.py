"""`python -m tests.simulation SEED [fast|long]`: lives one seed, or a range of them (`1-100`)."""

import sys
import time

from .seeds import leer
from .world import LARGA, RAPIDA, SemillaFallida, simular


def main(args: list[str]) -> int:
    """Prints a line a seed; 1 where one failed."""
    escala = LARGA if args[1:] == ["long"] else RAPIDA
    failed = 0
    for seed in leer(args[0] if args else "1"):
        began = time.monotonic()
        try:
            cuento = simular(seed, escala)
        except SemillaFallida as e:
            failed += 1
            sys.stdout.write(f"{e}\n")
        else:
            sys.stdout.write(
                f"seed {seed}: {cuento.corridas} runs ({cuento.fallidas} with failures), {cuento.lineas} lines,"
                f" {time.monotonic() - began:.1f} s\n"
            )
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
