"""A running daemon with its server, as other programs find it."""

import json
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .installation import Instalacion


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> Any:
        """The body as a document."""
        return json.loads(self.body)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        """A redirection is an answer."""


class Daemon:
    """`klk-daemon run`, listening."""

    def __init__(self, instalacion: Instalacion, process: "subprocess.Popen[str]", url: str) -> None:
        self.instalacion = instalacion
        self.process = process
        self.url = url

    @property
    def token(self) -> str:
        """What lets orders pass."""
        return (self.instalacion.state / "token").read_text(encoding="ascii")

    def ask(self, path: str, *, body: str | None = None, method: str | None = None, **headers: str) -> Answer:
        """One request; header names are written with underscores. A redirection is an answer."""
        request = urllib.request.Request(
            self.url + path,
            data=None if body is None else body.encode(),
            method=method or ("GET" if body is None else "POST"),
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )
        try:
            with urllib.request.build_opener(_Stay).open(request, timeout=30) as response:
                return Answer(response.status, dict(response.headers), response.read().decode())
        except urllib.error.HTTPError as e:
            return Answer(e.code, dict(e.headers), e.read().decode())

    def order(self, path: str, body: str = "{}", **headers: str) -> Answer:
        """A POST with the token."""
        return self.ask(path, body=body, Authorization=f"Bearer {self.token}", **headers)

    def reload(self) -> None:
        """SIGHUP."""
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.terminate()
        return self.process.wait(timeout=15)


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = 20) -> None:
    """Waits until it holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.05)


@contextmanager
def running(instalacion: Instalacion, *, runs: int = 2, timeout_s: float = 20) -> Iterator[Daemon]:
    """Starts the daemon with a server on a free port, and waits until it listens and so many runs have ended."""
    instalacion.ajustes |= {"http.enabled": True, "http.port": 0}
    instalacion.configure()
    address = instalacion.state / "http.json"
    with instalacion.start("run") as process:
        wait_for(lambda: process.poll() is not None or address.exists(), "the server listens", timeout_s)
        assert process.poll() is None, instalacion.err()
        wait_for(lambda: len(instalacion.of("etl_completado")) >= runs, f"{runs} runs end", timeout_s)
        yield Daemon(instalacion, process, json.loads(address.read_text(encoding="utf-8"))["url"])
