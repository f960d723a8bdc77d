"""The HTTP server's own rules, on a real socket."""

import asyncio
import socket

import pytest
from starlette.types import Receive, Scope, Send

from klk_daemon.web import server

MEGABYTE = b"x" * 1_000_000
BODIES = 100


async def test_a_reader_that_takes_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent to it does not pile up: its connection is cut, and the application need not wait for it."""
    monkeypatch.setattr(server, "STALLED_S", 0.2)
    done = asyncio.Event()

    async def endless(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(BODIES):
            await send({"type": "http.response.body", "body": MEGABYTE, "more_body": True})
        done.set()

    listening = server.listen("127.0.0.1", 0)
    serving = asyncio.create_task(server.serve(endless, listening, stopping=lambda: None))
    with socket.create_connection(listening.getsockname()) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await asyncio.wait_for(done.wait(), 10)
        assert _rest(client) < BODIES * len(MEGABYTE)
    serving.cancel()
    await asyncio.wait({serving})


def _rest(client: socket.socket) -> int:
    """How many bytes have come when the connection ends; what the system had taken over still comes."""
    came = 0
    try:
        while data := client.recv(1 << 20):
            came += len(data)
    except ConnectionResetError:
        pass
    return came
