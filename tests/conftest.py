"""What all tests share: no network but loopback, an environment of their own, and a real database file."""

import os
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
import pytest_asyncio
import pytest_socket
import stamina
from duckdb import DuckDBPyConnection
from hypothesis import settings
from postgres import Postgres, server

from klk_daemon.domain import Tienda
from klk_daemon.warehouse import schema
from klk_daemon.warehouse.connection import CONFIG, Database
from klk_daemon.warehouse.origen import Archivo, Origen

# What is imported there comes with the extra `lake`.
collect_ignore = (
    []
    if find_spec("psycopg")
    else [
        "unit/test_lago.py",
        "unit/test_lago_s3.py",
        "unit/test_copia.py",
        "simulation/test_lake.py",
        "e2e/test_lake.py",
    ]
)
AHORA = datetime(2025, 11, 17, 12, 35, 4)  # noqa: DTZ001 - a store's wall clock

settings.register_profile("klk", deadline=None, max_examples=60)
settings.load_profile("klk")


def pytest_runtest_setup() -> None:
    """No test reaches beyond loopback (klk-api.md: never the real server)."""
    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)


@pytest.fixture(autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting, home or state directory of the person who runs the tests."""
    home = tmp_path_factory.mktemp("home")
    for name in [*os.environ]:
        if name.startswith(("KLK_", "XDG_")) and name != "KLK_TEST_FULL":
            monkeypatch.delenv(name)
    for name in ("STATE_DIRECTORY", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    for name in ("CONFIG", "STATE", "DATA", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))


@pytest.fixture
def no_backoff() -> Iterator[None]:
    """Retries without the wait between them; the number of attempts stays as configured."""
    with stamina.set_testing(testing=True, attempts=100, cap=True):
        yield


@pytest.fixture(scope="session")
def zona() -> ZoneInfo:
    """The stores' time zone."""
    return ZoneInfo("America/Caracas")


@pytest.fixture(scope="session")
def tiendas() -> tuple[Tienda, ...]:
    """The four stores of klk-api.md."""
    return (
        Tienda("tienda_01", "PERIFERICO", "SUC001", ("APP-TPF", "APP-PPF")),
        Tienda("tienda_08", "BOSQUE", "SUC002", ("APP-TBQ",)),
        Tienda("tienda_17", "ARTIGAS", "SUC003", ("TANT",)),
        Tienda("tienda_20", "TAZAJAL", "SUC005", ("TTZ",)),
    )


@pytest.fixture
def periferico(tiendas: tuple[Tienda, ...]) -> Tienda:
    """The store with two warehouses."""
    return tiendas[0]


@pytest.fixture
def bosque(tiendas: tuple[Tienda, ...]) -> Tienda:
    """A store with one warehouse."""
    return tiendas[1]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for the lakes' catalogues."""
    with server() as postgres:
        yield postgres


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """One that the test may stop."""
    with server() as postgres:
        yield postgres


@pytest.fixture(scope="session")
def lago_nuevo(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A lake with the tables of a new installation: its database, to be copied, and the place of its files."""
    name, data = postgres.create(), tmp_path_factory.mktemp("parquet")
    with duckdb.connect(config=CONFIG) as con:
        postgres.lago(name, data).prepare(con)
        schema.ensure(con, AHORA)
    return name, data


@pytest.fixture(params=["archivo", "lago"])
def origen(request: pytest.FixtureRequest, tmp_path: Path) -> Origen:
    """A place for tables, of each kind: a file, and a lake."""
    if request.param == "archivo":
        return Archivo(tmp_path / "klk.db")
    name, data = request.getfixturevalue("lago_nuevo")
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.lago(postgres.create(template=name), data)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A lake takes ten times as long as a file: it gets the first of a test's parameters, and none of its examples."""
    seen: set[str] = set()
    left: list[pytest.Item] = []
    for item in items:
        params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        test = item.nodeid.partition("[")[0]
        if params.get("origen") != "lago":
            continue
        if test in seen or getattr(getattr(item, "function", None), "is_hypothesis_test", False):
            left.append(item)
        seen.add(test)
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]


@pytest_asyncio.fixture
async def database(origen: Origen) -> AsyncIterator[Database]:
    """A database with the tables of a new installation."""
    database = Database(origen, lock_timeout_s=5)
    database._config["threads"] = 1
    await database.transaction(lambda con: schema.ensure(con, AHORA))
    yield database
    database.close()


@pytest.fixture
def con(origen: Origen) -> Iterator[DuckDBPyConnection]:
    """A connection to a database with the tables of a new installation, for what runs inside a transaction."""
    with duckdb.connect(origen.path, config=CONFIG) as con:
        origen.prepare(con)
        con.execute("SET threads = 1")
        schema.ensure(con, AHORA)
        yield con
