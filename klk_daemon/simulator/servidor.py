"""The simulator as a server in the caller's event loop."""

import asyncio
import ipaddress
from types import TracebackType
from typing import Self

from klk_daemon.simulator.conexion import Conexion
from klk_daemon.simulator.estado import Estado
from klk_daemon.simulator.fallas import Falla, Fallas
from klk_daemon.simulator.latencia import Latencia
from klk_daemon.simulator.mundo import Mundo
from klk_daemon.simulator.peticion import Registro

_BACKLOG = 512


class Simulador:
    """Serves a world over HTTP while it is entered: `async with Simulador(Mundo()) as sim: … sim.url`.

    Clock, faults and latency may be set from any thread while it runs.

    Args:
        mundo: what it knows.
        host: a loopback address, or `localhost`.
        port: 0 for any free one.
        latencia: how long it takes before it answers.
        fallas: switched on from the beginning.

    Raises:
        ValueError: `host` is not loopback. Whoever reaches it may set its faults, and it must never be
            taken for the real server.
    """

    def __init__(
        self,
        mundo: Mundo,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        latencia: Latencia | None = None,
        fallas: tuple[Falla, ...] = (),
    ) -> None:
        self._host = _loopback(host)
        self._port = port
        self._estado = Estado(mundo, Fallas(mundo.seed), latencia or Latencia())
        for falla in fallas:
            self._estado.fallas.poner(falla)
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def mundo(self) -> Mundo:
        """The world that it serves."""
        return self._estado.mundo

    @property
    def fallas(self) -> Fallas:
        """The faults that are switched on."""
        return self._estado.fallas

    @property
    def latencia(self) -> Latencia:
        """How long it takes before it answers; may be set."""
        return self._estado.latencia

    @latencia.setter
    def latencia(self, latencia: Latencia) -> None:
        self._estado.latencia = latencia

    @property
    def peticiones(self) -> list[Registro]:
        """The log of requests as it is now, oldest first, without those of the control routes."""
        return list(self._estado.peticiones)

    def olvidar_peticiones(self) -> None:
        """Empties the log, and what was counted."""
        self._estado.forget()

    @property
    def en_curso_max(self) -> int:
        """The most requests that were under way at once."""
        return self._estado.most_under_way

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    async def __aenter__(self) -> Self:
        """Begins to listen.

        Raises:
            OSError: the port is taken.
        """
        self._server = await asyncio.start_server(
            self._connected, self._host, self._port, backlog=_BACKLOG, reuse_address=True
        )
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops listening and drops every connection, hanging ones included."""
        assert self._server is not None
        self._server.close()
        tasks = list(self._open)
        for task, writer in list(self._open.items()):
            # Closing would wait for a client that does not read.
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own, kept: asyncio's would log the cancellation of a hanging one as an error.
        task = asyncio.get_running_loop().create_task(Conexion(self._estado, reader, writer).serve())
        self._open[task] = writer
        task.add_done_callback(self._open.pop)


def _loopback(host: str) -> str:
    if host == "localhost":
        return "127.0.0.1"
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host
    except ValueError:
        pass  # a name: where it leads can change between the check and the bind
    raise ValueError(f"the simulator listens on loopback only, not on {host!r}")
