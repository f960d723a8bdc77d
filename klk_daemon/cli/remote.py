"""The running daemon, spoken to over its own HTTP server."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from klk_daemon.daemon.instance import HTTP_FILE, TOKEN_FILE, running_pid
from klk_daemon.errors import KlkError

if TYPE_CHECKING:
    from http.client import HTTPResponse

CONNECT_S = 5.0


class RemoteError(KlkError):
    """What the daemon answered instead of doing it; carries its exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc] # per error: it is the other process's


class Remote:
    """A daemon's server.

    Args:
        url: where it listens.
        token: what lets orders pass.
    """

    def __init__(self, url: str, token: str) -> None:
        self._parts = urlsplit(url)
        self._token = token

    def get(self, path: str) -> Any:
        """A JSON document.

        Raises:
            RemoteError: it answered with an error.
            OSError: it does not answer.
        """
        with self._exchange("GET", path, {}) as response:
            return json.loads(response.read())

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it: an address that stands for all of them is none to go to."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._parts.hostname or "", self._parts.hostname or "")  # noqa: S104
        return f"http://[{host}]:{self._parts.port}" if ":" in host else f"http://{host}:{self._parts.port}"

    def post(self, path: str) -> Any:
        """The JSON document that an order without options is answered with.

        Raises:
            RemoteError: it was refused.
            OSError: it does not answer.
        """
        with self._exchange("POST", path, {}) as response:
            return json.loads(response.read())

    def stream(self, path: str, order: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The events of a run that is ordered with this call, until its end.

        Raises:
            RemoteError: the order was refused.
            OSError: it does not answer, or ended before the run did.
        """
        with self._exchange("POST", path, order) as response:
            for line in response:
                yield json.loads(line)

    @contextmanager
    def _exchange(self, method: str, path: str, order: Mapping[str, Any]) -> "Iterator[HTTPResponse]":
        from http.client import HTTPConnection, HTTPException

        connection = HTTPConnection(self._parts.hostname or "", self._parts.port, timeout=CONNECT_S)
        try:
            connection.connect()
            if method == "POST":
                connection.sock.settimeout(None)  # a run takes as long as it takes
            headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/x-ndjson"}
            connection.request(method, path, json.dumps(order) if method == "POST" else None, headers)
            response = connection.getresponse()
            if response.status >= 400:  # noqa: PLR2004 - HTTP's own number
                raise _error(response)
            yield response
        except HTTPException as e:
            raise OSError(f"the daemon broke the connection off: {e!r}") from e
        finally:
            connection.close()


def _error(response: "HTTPResponse") -> RemoteError:
    try:
        answer = json.loads(response.read())
    except ValueError:
        answer = {}
    message = answer.get("error") or f"the daemon answered with HTTP {response.status}"
    return RemoteError(message, int(answer.get("exit_code", 1)))


def find(state: Path) -> Remote | None:
    """The daemon on this state directory, if one runs and listens."""
    if running_pid(state) is None:
        return None
    try:
        address = json.loads((state / HTTP_FILE).read_text(encoding="utf-8"))
        token = (state / TOKEN_FILE).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    return Remote(address["url"], token)
