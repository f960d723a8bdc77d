"""What all tests share: no network but loopback, an environment of their own, and a real database file."""

import json
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
import pytest_asyncio
import pytest_socket
import stamina
from duckdb import DuckDBPyConnection
from hypothesis import settings
from legado import plantilla
from postgres import Postgres, server
from shared import made_once

from klk_daemon.domain import Tienda
from klk_daemon.warehouse import schema
from klk_daemon.warehouse.archivo import Archivo
from klk_daemon.warehouse.connection import CONFIG, Database
from klk_daemon.warehouse.origen import Origen

if TYPE_CHECKING:  # an environment without the extra `lake` runs the other tests
    from klk_daemon.warehouse.lago import Lago

# What is imported there comes with the extra `lake`.
collect_ignore = (
    []
    if find_spec("psycopg")
    else [
        "unit/test_lago.py",
        "unit/test_lago_s3.py",
        "unit/test_turnos.py",
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


def tool(name: str, package: str) -> str:
    """A program of a Debian package; where it is missing the test is skipped, or fails if all must run."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("KLK_TEST_FULL"):
            pytest.fail(f"{name} is missing: apt install {package}")
        pytest.skip(f"{name} is not installed (Debian: {package})")
    return found


@pytest.fixture
def promtool() -> str:
    """Checks metrics, rules and configurations."""
    return tool("promtool", "prometheus")


@pytest.fixture
def prometheus() -> str:
    """A real Prometheus."""
    return tool("prometheus", "prometheus")


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
    return lago_de(request)


def lago_de(request: pytest.FixtureRequest) -> Origen:
    """A lake with the tables of a new installation."""
    name, data = request.getfixturevalue("lago_nuevo")
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.lago(postgres.create(template=name), data)


# What writes the tables is tried on a lake with every suite, the rest with `make test-lake`.
ON_A_LAKE = {"test_conciliacion_tabla.py", "test_samples.py", "test_stock.py", "test_ventas_tabla.py"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A lake takes ten times as long as a file: it gets the first of a test's parameters, and none of its examples."""
    seen: set[str] = set()
    left: list[pytest.Item] = []
    for item in items:
        params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        test = item.nodeid.partition("[")[0]
        if "lago" not in {params.get("origen"), params.get("con")}:
            continue
        if test in seen or getattr(getattr(item, "function", None), "is_hypothesis_test", False):
            left.append(item)
        elif item.path.name not in ON_A_LAKE:
            item.add_marker(pytest.mark.lake)
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


@pytest.fixture(scope="session")
def legado_vacio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of the older pipeline without rows, taken over; to be copied."""

    def make(folder: Path) -> None:
        plantilla.crear(folder / "vacia.db", vacia=True)
        plantilla.migrar(folder / "vacia.db")

    return made_once(tmp_path_factory, "legado-vacio", make) / "vacia.db"


@pytest.fixture(scope="session")
def legado(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of the older pipeline with products, stock and history, no sales, taken over; to be copied."""

    def make(folder: Path) -> None:
        plantilla.crear(folder / "usada.db")
        plantilla.migrar(folder / "usada.db")

    return made_once(tmp_path_factory, "legado", make) / "usada.db"


@pytest.fixture(params=["nueva", "legado", "lago"])
def con(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DuckDBPyConnection]:
    """A connection to a database without rows, for what runs inside a transaction: a new one, a legacy one, a lake.

    The temporary view `lineas` is `ventas_raw` with the types of a new installation.
    """
    origen: Origen = Archivo(tmp_path / "con.db")
    if request.param == "legado":
        shutil.copyfile(request.getfixturevalue("legado_vacio"), tmp_path / "con.db")
    elif request.param == "lago":
        origen = lago_de(request)
    with duckdb.connect(origen.path, config=CONFIG) as con:
        origen.prepare(con)
        schema.ensure(con, AHORA)
        plantilla.lineas(con)
        yield con


@pytest.fixture(scope="session")
def cruda(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[Any]]]:
    """A legacy database with sales, some of them doubled, as it was left; and what its months hold."""

    def make(folder: Path) -> None:
        extra = ["CREATE INDEX mio ON productos (categoria)"]
        meses = plantilla.crear(folder / "vieja.db", lineas=4000, extra=extra)["meses"]
        (folder / "meses.json").write_text(json.dumps(meses), encoding="utf-8")

    folder = made_once(tmp_path_factory, "cruda", make)
    return folder / "vieja.db", json.loads((folder / "meses.json").read_text(encoding="utf-8"))


@pytest.fixture
def base(tmp_path: Path, cruda: tuple[Path, list[list[Any]]]) -> Path:
    """A copy of it."""
    return Path(shutil.copyfile(cruda[0], tmp_path / "vieja.db"))


@pytest.fixture
def vista(postgres: Postgres, lago_nuevo: tuple[str, Path]) -> "Callable[[], Lago]":
    """Makes another process's view of one lake."""
    name, data = lago_nuevo
    own = postgres.create(template=name)
    return lambda: postgres.lago(own, data)
