"""A PostgreSQL of the tests' own, on a Unix socket: nothing is kept, nothing is written through."""

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from klk_daemon.errors import ConfigError
from klk_daemon.warehouse import extensiones

if TYPE_CHECKING:  # an environment without the extra `lake` runs the other tests
    from klk_daemon.warehouse.lago import Lago

FAST = (
    "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c listen_addresses= -c max_connections=200"
    " -c shared_buffers=32MB -c autovacuum=off -c wal_level=minimal -c max_wal_senders=0"
)
# It refuses to run as root.
UNPRIVILEGED = "nobody"


class Postgres:
    """A server at `folder`, which is its socket's folder, too."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self.folder = folder
        self._binaries = binaries
        self._numbers = count(1)

    def conninfo(self, database: str = "postgres") -> str:
        """How to reach a database."""
        return f"dbname={database} host={self.folder} user=klk"

    def create(self, template: str = "template0") -> str:
        """A database like another, an empty one unless told; its name."""
        import psycopg  # noqa: PLC0415

        name = f"lago_{next(self._numbers)}"
        with psycopg.connect(self.conninfo(), autocommit=True) as con:
            con.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return name

    def lago(self, database: str, data: Path) -> "Lago":
        """A process's view of the lake in a database."""
        from klk_daemon.warehouse.lago import Lago  # noqa: PLC0415
        from klk_daemon.warehouse.turnos import Turnos  # noqa: PLC0415

        data.mkdir(parents=True, exist_ok=True)
        name = f"ducklake:postgres:{self.conninfo(database)}"
        return Lago(self.conninfo(database), str(data), name, Turnos(self.conninfo(database), name))

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        self._run(
            "pg_ctl",
            "-w",
            "-D",
            str(self.folder / "data"),
            "-l",
            str(self.folder / "log"),
            "-o",
            f"{FAST} -c unix_socket_directories={self.folder}",
            "start",
        )

    def stop(self) -> None:
        """Ends it, and every connection."""
        self._run("pg_ctl", "-w", "-D", str(self.folder / "data"), "-m", "immediate", "stop")

    def init(self) -> None:
        """Makes its files."""
        self._run(
            "initdb",
            "-D",
            str(self.folder / "data"),
            "-U",
            "klk",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        )

    def _run(self, program: str, *arguments: str) -> None:
        user = UNPRIVILEGED if os.geteuid() == 0 else None
        subprocess.run(
            [self._binaries / program, *arguments],
            check=True,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            user=user,
        )


def binaries() -> Path | None:
    """Where PostgreSQL's programs are; Debian keeps them off the path."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((place for place in reversed(places) if (place / "initdb").exists()), None)


@contextmanager
def server() -> Iterator[Postgres]:
    """A running one; the test that asks is skipped where there is none to run."""
    try:
        extensiones.path("ducklake", extra="lake")
    except ConfigError as e:  # such as DuckDB 2.0, which the extension's wheel is not of
        pytest.skip(str(e))
    place = binaries()
    if place is None:
        if os.environ.get("KLK_TEST_FULL"):
            pytest.fail("PostgreSQL is missing: apt-get install postgresql")
        pytest.skip("PostgreSQL is not installed")
    with tempfile.TemporaryDirectory(prefix="klk-pg-") as text:  # a socket's path must be short
        folder = Path(text)
        shutil.chown(folder, UNPRIVILEGED if os.geteuid() == 0 else getpass.getuser())
        postgres = Postgres(place, folder)
        postgres.init()
        postgres.start()
        try:
            yield postgres
        finally:
            postgres.stop()
