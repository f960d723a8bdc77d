"""The simulator in a thread of its own, for callers without an event loop."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from klk_daemon.simulator.fallas import Falla
from klk_daemon.simulator.latencia import Latencia
from klk_daemon.simulator.mundo import Mundo
from klk_daemon.simulator.servidor import Simulador


@contextmanager
def simulador_en_hilo(
    mundo: Mundo,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    latencia: Latencia | None = None,
    fallas: tuple[Falla, ...] = (),
) -> Iterator[Simulador]:
    """Serves `mundo` in a background thread while the context is open.

    Raises:
        ValueError: `host` is not loopback.
        OSError: the port is taken.
    """
    simulador = Simulador(mundo, host=host, port=port, latencia=latencia, fallas=fallas)
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        async with simulador:
            started.set_result((asyncio.get_running_loop(), stop))
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except OSError as refused:
            if started.done():
                raise
            started.set_exception(refused)

    thread = threading.Thread(target=run, name="klk-simulador", daemon=True)
    thread.start()
    try:
        loop, stop = started.result()
        try:
            yield simulador
        finally:
            loop.call_soon_threadsafe(stop.set)
    finally:
        thread.join()
