"""The stage of a measurement: a simulator in a process of its own, and fresh configurations for the runs."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.request import Request, urlopen

from benchmarks import process

PROGRAM = Path(sys.executable).with_name("klk-daemon")
IDS = {"SUC001": "tienda_01", "SUC002": "tienda_08", "SUC003": "tienda_17", "SUC005": "tienda_20"}
ARTICULOS = 3858
HALF_AN_HOUR = timedelta(minutes=30)
# A wall clock of the stores', at a time of day at which they sell.
NOON = datetime(2025, 11, 17, 12, 30)  # noqa: DTZ001 - store-local
EVENING = datetime(2025, 11, 17, 23, 30)  # noqa: DTZ001 - store-local


@dataclass(frozen=True, slots=True)
class Tienda:
    """A store of the simulator's: as configured, and the warehouses that are read."""

    id: str
    sucursal: str
    almacenes: tuple[str, ...]


@dataclass(frozen=True)
class Scene:
    """A simulator at `url`, with a clock that stands, and a folder for everything that is made."""

    url: str
    folder: Path

    @cached_property
    def tiendas(self) -> tuple[Tienda, ...]:
        """The stores that it knows."""
        return tuple(
            Tienda(
                IDS.get(t["sucursal"], t["sucursal"].lower()),
                t["sucursal"],
                tuple(a["codigo"] for a in t["almacenes"] if a["activo"]),
            )
            for t in self.ask("/_sim/")["tiendas"]
        )

    @property
    def almacenes(self) -> list[str]:
        """All warehouses that are read."""
        return [almacen for tienda in self.tiendas for almacen in tienda.almacenes]

    @property
    def now(self) -> datetime:
        """The simulator's time, UTC."""
        return datetime.fromisoformat(self.ask("/_sim/")["ahora"]).astimezone(UTC)

    def fresh(self, *, tiendas: int | None = None, database: Path = Path("klk.db"), **sections: str) -> Path:
        """A folder with a configuration; its database, logs and state are not there yet.

        Args:
            tiendas: so many stores of the simulator's; all, unless given.
            database: another file than one in this folder.
            sections: TOML lines for sections, added to what is there.
        """
        folder = Path(mkdtemp(dir=self.folder))
        base = {"api": f'base_url = "{self.url}"', "database": f'path = "{database}"', "logs": 'dir = "logs"'}
        for name, lines in sections.items():
            base[name] = f"{base.get(name, '')}\n{lines}"
        stores = "".join(
            f'[[tiendas]]\nid = "{t.id}"\nsucursal = "{t.sucursal}"\nalmacenes = {json.dumps(t.almacenes)}\n'
            for t in self.tiendas[:tiendas]
        )
        written = "".join(f"[{name}]\n{lines}\n" for name, lines in base.items())
        (folder / "klk.toml").write_text(written + stores, encoding="utf-8")
        return folder

    def program(
        self, *arguments: str, folder: Path | None = None, ok: frozenset[int] = frozenset({0})
    ) -> process.Sample:
        """`klk-daemon` with these arguments as a process, on a folder that `fresh` has made: a new one unless given."""
        folder = folder or self.fresh()
        return process.run(command(folder, *arguments), env=environment(folder), cwd=folder, ok=ok)

    def script(self, path: Path, *arguments: str, python: str = sys.executable) -> process.Sample:
        """Another program that does the same, as a process in a folder of its own."""
        folder = self.fresh()
        return process.run([python, str(path), self.url, *arguments], env=environment(folder), cwd=folder)

    def move(self, span: timedelta) -> datetime:
        """Moves the simulator's clock; where it stands then, UTC."""
        moved = self.ask("/_sim/reloj", {"avanza_s": span.total_seconds()})
        return datetime.fromisoformat(moved["ahora"]).astimezone(UTC)

    def stand(self, reloj: datetime) -> datetime:
        """Sets the simulator's clock to a store-local time; the same in UTC."""
        return datetime.fromisoformat(self.ask("/_sim/reloj", {"ahora": reloj.isoformat()})["ahora"]).astimezone(UTC)

    def latency(self, seconds: float) -> None:
        """How long the simulator waits before an answer, from now on."""
        self.ask("/_sim/latencia", {"base": seconds})

    def prepare(self, *, stock: bool = True, sales: int = 0) -> None:
        """Has the simulator make its answers ready, which no run should have to wait for.

        Args:
            stock: those for the warehouses.
            sales: those for the stores' sales of so many days, today the last.
        """
        for almacen in self.almacenes if stock else ():
            self.ask("/maestra/articulos/almacen", {"Codigoalmacen": almacen}, parse=False)
        today = datetime.fromisoformat(self.ask("/_sim/")["ahora"]).date()
        for n in range(sales):
            fecha = str(today - timedelta(days=n))
            for tienda in self.tiendas:
                body = {"sucursal": tienda.sucursal, "fecha_desde": fecha, "fecha_hasta": fecha}
                self.ask("/ventas", body, parse=False)

    def ask(self, path: str, body: object = None, *, parse: bool = True) -> Any:
        """One request to the simulator: its answer, unless that is of no interest."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data, {"Content-Type": "application/json"})
        with urlopen(request, timeout=600) as response:
            text = response.read()
        return json.loads(text) if parse else None


def command(folder: Path, *arguments: str) -> list[str]:
    """The program's command line."""
    return [str(PROGRAM), "--config", str(folder / "klk.toml"), *arguments]


def environment(folder: Path) -> dict[str, str]:
    """That of a service: no terminal, no settings of the person who measures."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KLK_")}
    return inherited | {"KLK_STATE_DIR": str(folder / "state")}


@contextmanager
def scene(folder: Path, *, reloj: datetime = NOON, latencia: float = 0, **world: int) -> Iterator[Scene]:
    """Starts a simulator (`world`: see `Mundo`), and ends it."""
    settings = {"reloj": reloj.isoformat(), "latencia": latencia, "articulos": ARTICULOS, **world}
    line = [sys.executable, "-m", "benchmarks.simulator", json.dumps(settings)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, cwd=process.ROOT) as server:
        try:
            assert server.stdout is not None  # it is a pipe
            url = server.stdout.readline().strip()
            if not url:
                raise RuntimeError("the simulator said no address")
            yield Scene(url, folder)
        finally:
            server.terminate()
