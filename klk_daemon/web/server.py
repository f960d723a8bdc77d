"""uvicorn in the daemon's own loop: it listens, and leaves signals and the end to the daemon."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from klk_daemon.errors import ConfigError

CONNECTIONS = 200
HEADER_LIMIT = 16 * 1024
# A reader that takes nothing for so long is dropped: what is sent to it must not pile up.
STALLED_S = 10.0
# At the end whoever has not taken its answer by then is cut off, before uvicorn complains.
GRACE_S = 0.9


class _Connection(H11Protocol):
    """A connection that does not wait for ever for its reader."""

    _stalled: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """The reader is behind."""
        super().pause_writing()
        self._stalled = self.loop.call_later(STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It has caught up."""
        self._forget()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        self._forget()
        super().connection_lost(exc)

    def _forget(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The daemon handles signals itself."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """The socket to serve on.

    Raises:
        ConfigError: it cannot be had.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as e:
        raise ConfigError(
            f"http: cannot listen on {host}:{port}: {e.strerror or e}", hint="set http.port, or http.enabled = false"
        ) from e


async def serve(app: ASGIApp, listening: socket.socket, *, stopping: Callable[[], None]) -> None:
    """Serves until cancelled; requests under way have a second to end.

    Args:
        app: the application.
        listening: where.
        stopping: called at the end, before requests are waited for: it ends the streams.
    """
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        ws="none",
        http=_Connection,
        limit_concurrency=CONNECTIONS,
        h11_max_incomplete_event_size=HEADER_LIMIT,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    task = asyncio.ensure_future(server.serve(sockets=[listening]))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        stopping()
        server.should_exit = True
        await asyncio.wait({task}, timeout=GRACE_S)
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        await task
        raise
