"""The simulator as a process of its own, with memory for large worlds.

python -m benchmarks.simulator '{"tiendas": 19, "reloj": "2025-11-17T12:30", "latencia": 0}'

Its clock stands, and moves when it is told to. Answers are kept, so that asking once has them ready: what it takes
to make them is no cost of the program's. It prints its address.
"""

import asyncio
import json
import signal
import sys
from datetime import datetime
from typing import Any

from klk_daemon.simulator import Latencia, Mundo, Reloj, Simulador, mundo

LINES_KEPT = 600_000
BODIES_KEPT = 600


async def serve(reloj: str, latencia: float, **world: Any) -> None:
    """Serves until SIGTERM.

    Args:
        reloj: where the clock stands, store-local time.
        latencia: seconds before each answer.
        world: see `Mundo`.
    """
    mundo._MOST_BODIES_KEPT = BODIES_KEPT  # noqa: SLF001 - large enough for most, not for 200 stores asked in turn
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    made = Mundo(seed=1, lineas_en_memoria=LINES_KEPT, **world)
    made.clock = Reloj(now=made.aware(datetime.fromisoformat(reloj)), factor=0)
    async with Simulador(made, latencia=Latencia(latencia)) as simulador:
        print(simulador.url, flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(serve(**json.loads(sys.argv[1])))
