"""Readers of a served file, as other programs are: a DuckDB of their own, with the extensions of the extra."""

import os
import socket
from importlib.util import find_spec
from typing import Any, Self

import duckdb
import pytest

from klk_daemon.warehouse import extensiones
from klk_daemon.warehouse.servido import EXTENSIONS, EXTRA


def require_extra() -> None:
    """Skips the test where the extra is missing; with KLK_TEST_FULL=1 that is a failure."""
    if all(find_spec(f"duckdb_extension_{name}") for name in EXTENSIONS):
        return
    why = f"the extra {EXTRA} is not installed: pip install 'klk-daemon[{EXTRA}]'"
    if os.environ.get("KLK_TEST_FULL"):
        pytest.fail(why)
    pytest.skip(why)


def free_uri() -> str:
    """Where nobody serves."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"quack:localhost:{listening.getsockname()[1]}"


class Reader:
    """A reader at `uri`, with a token."""

    def __init__(self, uri: str, token: str) -> None:
        self.con = duckdb.connect()
        extensiones.load(self.con, *EXTENSIONS, extra=EXTRA)
        self._uri, self._token = uri, token

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.con.close()

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The answer to a statement that runs at the server."""
        return self.con.execute("FROM quack_query(?, ?, token = ?)", [self._uri, sql, self._token]).fetchall()

    def attach(self) -> None:
        """Makes the tables known here, as `klk`."""
        self.con.execute(f"ATTACH '{self._uri}' AS klk (TOKEN '{self._token}')")
