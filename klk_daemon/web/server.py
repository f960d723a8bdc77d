"""uvicorn in the daemon's own loop: it listens, and leaves signals and the end to the daemon."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from klk_daemon.errors import ConfigError

CONNECTIONS = 200
HEADER_LIMIT = 16 * 1024


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


async def serve(app: ASGIApp, listening: socket.socket) -> None:
    """Serves until cancelled; requests under way have a second to end."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        ws="none",
        http="h11",
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
        server.should_exit = True
        await task
        raise
