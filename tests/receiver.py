"""A receiver of Apprise's JSON notifications and of heartbeats, on loopback."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Recibido:
    """A message as it came: the path of the channel, the type (`failure`, `success`, `info`), title and body."""

    canal: str
    tipo: str
    titulo: str
    cuerpo: str


class Receptor:
    """What came in, and how to answer.

    Attributes:
        mensajes: the messages that were taken, in order.
        latidos: the paths that were fetched.
        status: what is answered from now on; a message is taken with 200.
        pause_s: how long an answer takes.
        intentos: how many messages were tried, taken or not.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.mensajes: list[Recibido] = []
        self.latidos: list[str] = []
        self.status = 200
        self.pause_s = 0.0
        self.intentos = 0

    def url(self, canal: str = "uno") -> str:
        """A channel that comes here."""
        return f"json://127.0.0.1:{self.port}/{canal}"

    def latido(self) -> str:
        """A heartbeat that comes here."""
        return f"http://127.0.0.1:{self.port}/ping/secreto"

    def titulos(self) -> list[str]:
        """The titles of what was taken."""
        return [m.titulo for m in self.mensajes]

    def de(self, canal: str) -> list[Recibido]:
        """What was taken for one channel."""
        return [m for m in self.mensajes if m.canal.strip("/") == canal]

    def wait(self, condition: Callable[[], bool], what: str, timeout_s: float = 20) -> None:
        """Waits until it holds."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"in vain: {what}; there are {self.titulos()}"
            time.sleep(0.02)


@contextmanager
def receiver() -> Iterator[Receptor]:
    """Listens while the context is open."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            receptor.intentos += 1
            time.sleep(receptor.pause_s)
            if receptor.status == 200:
                receptor.mensajes.append(Recibido(self.path, message["type"], message["title"], message["message"]))
            self.send_response(receptor.status)
            self.end_headers()

        def do_GET(self) -> None:
            receptor.latidos.append(self.path)
            time.sleep(receptor.pause_s)
            self.send_response(receptor.status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receptor = Receptor(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receptor
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
