"""`/events` on a real socket: what it tells, and that nobody who reads it slowly delays anything."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from .daemon import Daemon, running
from .installation import Instalacion

MOST = 100


@contextmanager
def listening(daemon: Daemon, query: str = "") -> Iterator[socket.socket]:
    """A connection that has asked for the events and reads nothing by itself."""
    host, port = daemon.url.removeprefix("http://").split(":")
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((host, int(port)))
        connection.settimeout(20)
        connection.sendall(f"GET /events{query} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        yield connection


def until(connection: socket.socket, word: str) -> str:
    """What comes, up to a word."""
    text = ""
    while word not in text:
        data = connection.recv(65536)
        assert data, text
        text += data.decode(errors="replace")
    return text


def test_what_it_tells(instalacion: Instalacion) -> None:
    """The state at once, then a run under way, its end, and a pause, without being asked again."""
    with running(instalacion) as daemon, listening(daemon) as connection:
        head = until(connection, "\n\n")
        assert "200 OK" in head
        assert "text/event-stream" in head
        text = head + until(connection, '"Todo al día"')
        assert "retry: " in text
        assert "event: estado" in text
        run_id = instalacion.trigger("inventario").documento["run_id"]
        text = until(connection, f'"ultima":{{"run_id":"{run_id}"')
        assert f'"en_curso":{{"run_id":"{run_id}"' in text
        daemon.order("/api/pause/ventas")
        until(connection, '"En pausa: ventas"')
        instalacion.run("resume", "ventas", code=0)  # in another process
        until(connection, '"Todo al día"')


def test_a_hundred_slow_readers(instalacion: Instalacion) -> None:
    """A hundred listeners, of which one reads, delay neither a run nor the end of the daemon; one more is refused.

    The end is quick, the stream of the one that reads ends properly, and nothing of it is logged as an error.
    """
    with running(instalacion) as daemon, ExitStack() as stack:
        began = time.monotonic()
        instalacion.trigger("ventas")
        alone = time.monotonic() - began
        reader, *_ = [stack.enter_context(listening(daemon, "?pagina=/")) for _ in range(MOST)]
        until(reader, "event: partes")
        with listening(daemon) as one_more:
            head = until(one_more, "}")
        assert "503" in head
        assert "retry-after: 10" in head
        began = time.monotonic()
        instalacion.trigger("ventas")
        assert time.monotonic() - began < alone * 3 + 2
        assert daemon.ask("/healthz").status == 200
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 3
        assert until(reader, "0\r\n\r\n")
    assert [line for line in instalacion.events() if line["level"] in {"error", "critical"}] == []
