"""The client before a server that breaks, on a real socket."""

import asyncio
import gzip
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from wire_rows import cuerpo_ventas, linea, un_dia

from klk_daemon.errors import ApiError, ConexionFallida, RespuestaDeError, RespuestaInvalida, TiempoAgotado
from klk_daemon.klk.client import ClientOptions, KlkClient

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
GOOD = cuerpo_ventas(linea())
MIB = 1024 * 1024


def head(*headers: str, status: str = "200 OK") -> bytes:
    """The head of an answer."""
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode()


def whole(body: bytes, *headers: str) -> bytes:
    """An answer with its length."""
    return head(f"Content-Length: {len(body)}", *headers) + body


@asynccontextmanager
async def server(handle: Handler) -> AsyncIterator[tuple[str, list[int]]]:
    """A server on loopback that reads each request and lets `handle` answer; yields its address and its requests."""
    requests: list[int] = []
    alive: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        alive.add(task)
        try:
            while True:
                raw = await reader.readuntil(b"\r\n\r\n")
                length = next(int(h.split(b":")[1]) for h in raw.lower().split(b"\r\n") if h.startswith(b"content-len"))
                await reader.readexactly(length)
                requests.append(length)
                await handle(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            alive.discard(task)
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", requests
    finally:
        listener.close()
        for task in [*alive]:
            task.cancel()
        await asyncio.gather(*alive, return_exceptions=True)


def sends(*pieces: bytes, close: bool = True, pause: float = 0) -> Handler:
    """A handler that sends the pieces, and closes the connection."""

    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        if close:
            writer.close()

    return handle


async def resets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Resets the connection instead of answering."""
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def resets_in_the_middle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Resets the connection within the body."""
    writer.write(head("Content-Length: 9999") + GOOD[:50])
    await writer.drain()
    await asyncio.sleep(0.05)
    await resets(_, writer)


async def hangs(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Never answers."""
    await asyncio.sleep(30)


async def drips(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends a byte of the body now and then, for ever."""
    writer.write(head("Content-Length: 100000"))
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def drips_headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends headers for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def ask(base_url: str, **options: Any) -> int:
    """One request for sales; how many lines came."""
    settings = {"timeout_s": 0.4, "retry_attempts": 1, "connect_timeout_s": 0.4} | options
    async with KlkClient(ClientOptions(base_url=base_url, **settings), asyncio.Semaphore(1)) as klk:
        return len((await klk.ventas("SUC001", un_dia())).filas)


CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("handle", "error"),
    [
        (resets, ConexionFallida),
        (resets_in_the_middle, RespuestaInvalida),
        (sends(b""), ConexionFallida),
        (sends(b"nonsense\r\n\r\n"), ConexionFallida),
        (sends(b"HTTP/1.1 200 OK\r\nContent-"), ConexionFallida),
        (hangs, TiempoAgotado),
        (drips, TiempoAgotado),
        (drips_headers, TiempoAgotado),
        (sends(head("Content-Length: 9999") + GOOD), RespuestaInvalida),
        (sends(head(CHUNKED) + b"10\r\n" + GOOD[:16] + b"\r\n"), RespuestaInvalida),
        (sends(head(CHUNKED) + b"zz\r\n"), RespuestaInvalida),
        (sends(whole(b"")), RespuestaInvalida),
        (sends(whole(GOOD[:-10])), RespuestaInvalida),
        (sends(whole(b"<html>", "Content-Type: text/html")), RespuestaInvalida),
        (sends(whole(gzip.compress(GOOD), "Content-Encoding: gzip")), RespuestaInvalida),
        (sends(whole(GOOD, "Content-Encoding: br")), RespuestaInvalida),
        (sends(head("Content-Length: 0", "Location: /x", status="307 Temporary Redirect")), RespuestaDeError),
    ],
)
async def test_a_broken_answer(handle: Handler, error: type[ApiError]) -> None:
    """Each is its own error, within the deadline of the whole exchange, and names what was asked."""
    async with server(handle) as (base_url, requests):
        began = time.monotonic()
        with pytest.raises(error, match=r"POST /ventas SUC001 2025-11-17") as e:
            await ask(base_url)
        assert time.monotonic() - began < 2
    assert type(e.value) is error
    assert len(requests) == 1


async def test_a_good_answer_in_small_pieces() -> None:
    """Slow is not broken."""
    pieces = [whole(GOOD)[n : n + 200] for n in range(0, len(whole(GOOD)), 200)]
    async with server(sends(*pieces, pause=0.01)) as (base_url, _):
        assert await ask(base_url, timeout_s=5) == 1


async def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    """HTTP allows it; what comes is checked like any other."""
    async with server(sends(head() + GOOD)) as (base_url, _):
        assert await ask(base_url) == 1
    async with server(sends(head() + GOOD[:-9])) as (base_url, _):
        with pytest.raises(RespuestaInvalida):
            await ask(base_url)


@pytest.mark.parametrize("length", [f"Content-Length: {3 * MIB}", CHUNKED, "X-None: 1"])
async def test_an_answer_that_is_too_large_is_not_read_to_its_end(length: str) -> None:
    """With a length, in chunks or until the connection ends: raw bytes are counted while they come."""
    sent = 0

    async def floods(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(head(length))
        block = b" " * 65536
        for _block in range(3 * MIB // 65536):
            writer.write(b"10000\r\n" + block + b"\r\n" if length == CHUNKED else block)
            await writer.drain()
            sent += len(block)
            await asyncio.sleep(0.001)
        writer.close()

    async with server(floods) as (base_url, _):
        with pytest.raises(RespuestaInvalida, match=r"larger than 0\.5 MB"):
            await ask(base_url, max_response_mb=0.5, timeout_s=5)
    assert sent < 3 * MIB


async def test_an_answer_of_exactly_the_limit_is_read() -> None:
    """The cap is the largest that is allowed."""
    body = GOOD.ljust(MIB)
    async with server(sends(whole(body))) as (base_url, _):
        assert await ask(base_url, max_response_mb=1, timeout_s=5) == 1
    async with server(sends(whole(body + b" "))) as (base_url, _):
        with pytest.raises(RespuestaInvalida):
            await ask(base_url, max_response_mb=1, timeout_s=5)


async def test_nobody_listens() -> None:
    """A refused connection is `conexion`, names the address, and says that it was refused, not that it failed."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{s.getsockname()[1]}"
        with pytest.raises(ConexionFallida, match=base_url) as e:
            await ask(base_url)
    assert e.value.error_tipo == "conexion"
    assert "refused" in str(e.value)


@pytest.mark.usefixtures("no_backoff")
async def test_the_deadline_is_each_attempts_own() -> None:
    """A hanging server is asked again, as often as configured."""
    async with server(hangs) as (base_url, requests):
        with pytest.raises(TiempoAgotado):
            await ask(base_url, timeout_s=0.1, retry_attempts=3)
    assert len(requests) == 3


async def test_a_cancelled_request_is_cancelled() -> None:
    """Shutdown is no failure of KLK's, and does not wait for the deadline."""
    async with server(hangs) as (base_url, _):
        task = asyncio.create_task(ask(base_url, timeout_s=20))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A till server in the local network is asked directly."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with server(sends(whole(GOOD))) as (base_url, _):
        assert await ask(base_url) == 1
