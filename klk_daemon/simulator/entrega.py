"""Answers become bytes on a socket, well or badly."""

import asyncio
import socket
import struct
import time
from collections.abc import Iterable
from http.client import responses

import h11

from klk_daemon.simulator.fallas import Falla, TipoFalla
from klk_daemon.simulator.respuesta import Respuesta

TRANSPORT = {
    TipoFalla.CUELGA,
    TipoFalla.GOTEO,
    TipoFalla.GOTEO_CABECERA,
    TipoFalla.CORTE,
    TipoFalla.TRUNCADO,
}
_PIECE = 1 << 20


class Entrega:
    """The writing side of one connection."""

    def __init__(
        self, h11_connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._h11 = h11_connection
        self._reader = reader
        self._writer = writer

    async def send(self, respuesta: Respuesta, falla: Falla | None = None, *, head_only: bool = False) -> bool:
        """Delivers an answer, in the way of a transport fault if `falla` is one.

        `head_only` answers a HEAD: the length of what GET would answer, and no body.

        Returns:
            Whether the connection can serve another request.

        Raises:
            ConnectionError: the client has left.
        """
        pieces = respuesta.pieces()
        head = self._head(respuesta, sum(len(piece) for piece in pieces))
        if head_only:
            pieces = []
        if falla is not None and falla.tipo in TRANSPORT:
            await self._misdeliver(head, pieces, falla)
            return False
        await self._write([head])
        for piece in pieces:
            await self._write([self._h11.send(h11.Data(data=piece)) or b""])
        self._h11.send(h11.EndOfMessage())
        return self._h11.our_state is h11.DONE

    async def _misdeliver(self, head: bytes, pieces: list[bytes], falla: Falla) -> None:
        # The raw stream, past h11, which would not let any of this happen.
        match falla.tipo:
            case TipoFalla.CUELGA:
                await self._hang(falla.seconds)
            case TipoFalla.GOTEO:
                await self._write([head])
                await self._drip(b"".join(pieces), falla)
            case TipoFalla.GOTEO_CABECERA:
                await self._drip(head + b"".join(pieces), falla)
            case TipoFalla.CORTE:
                if falla.share:
                    await self._write([head, *_first(pieces, falla.share)])
                self._reset()
            case _:
                await self._write([head, *_first(pieces, falla.share)])

    async def send_continue(self) -> None:
        """Lets a client go on that asked for leave to send its body."""
        head = self._h11.send(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))
        await self._write([head or b""])

    def _head(self, respuesta: Respuesta, length: int) -> bytes:
        headers = [
            ("Server", "klk-simulator"),
            ("Content-Type", respuesta.tipo),
            ("Content-Length", str(length)),
            *respuesta.cabeceras,
        ]
        head = self._h11.send(
            h11.Response(
                status_code=respuesta.status,
                headers=headers,
                reason=responses.get(respuesta.status, "Unknown").encode(),
            )
        )
        assert head is not None
        return head

    async def _write(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            view = memoryview(piece)
            # In parts, so that the buffer of a client that does not read stays small.
            for start in range(0, len(view), _PIECE):
                self._writer.write(view[start : start + _PIECE])
                await self._writer.drain()

    async def _drip(self, data: bytes, falla: Falla) -> None:
        for start in range(0, len(data), falla.trozo):
            await self._write([data[start : start + falla.trozo]])
            await self._hang(falla.seconds)

    async def _hang(self, seconds: float) -> None:
        """Waits, but not for a client that has left.

        Raises:
            ConnectionError: it has.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                # Whatever it sends meanwhile is lost: the connection is closed after this.
                data = await asyncio.wait_for(self._reader.read(_PIECE), left)
            except TimeoutError:
                return
            if not data:
                raise ConnectionResetError("the client has left")

    def _reset(self) -> None:
        sock = self._writer.get_extra_info("socket")
        # Linger of zero: closing sends RST instead of FIN, and drops what was not sent yet.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


def _first(pieces: list[bytes], share: float) -> list[bytes]:
    body = b"".join(pieces)
    return [body[: int(len(body) * share)]]
