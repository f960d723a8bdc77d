"""The stage of a measurement: the simulator in a process of its own, and fresh configurations for the runs."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from urllib.request import Request, urlopen

from benchmarks import process

PROGRAM = Path(sys.executable).with_name("klk-daemon")
FLOOR = Path(__file__).with_name("floor.py")
TIENDAS = {
    "tienda_01": ("SUC001", ("APP-TPF", "APP-PPF")),
    "tienda_08": ("SUC002", ("APP-TBQ",)),
    "tienda_17": ("SUC003", ("TANT",)),
    "tienda_20": ("SUC005", ("TTZ",)),
}
ALMACENES = tuple(almacen for _, almacenes in TIENDAS.values() for almacen in almacenes)
ARTICULOS = 3858
HALF_HOUR_S = 1800


@dataclass(frozen=True, slots=True)
class Scene:
    """A simulator at `url`, without latency and with a clock that stands, and a folder for everything that is made."""

    url: str
    folder: Path

    def fresh(self) -> Path:
        """A folder with a configuration; its database, logs and state are not there yet."""
        folder = Path(mkdtemp(dir=self.folder))
        stores = "".join(
            f'[[tiendas]]\nid = "{id_}"\nsucursal = "{sucursal}"\nalmacenes = {json.dumps(almacenes)}\n'
            for id_, (sucursal, almacenes) in TIENDAS.items()
        )
        (folder / "klk.toml").write_text(
            f'[api]\nbase_url = "{self.url}"\n[database]\npath = "klk.db"\n[logs]\ndir = "logs"\n{stores}',
            encoding="utf-8",
        )
        return folder

    def floor(self) -> process.Sample:
        """The floor, as a process."""
        folder = self.fresh()
        command = [sys.executable, str(FLOOR), self.url, str(folder / "floor.db"), *ALMACENES]
        return process.run(command, env=_environment(folder), cwd=folder)

    def program(
        self, *arguments: str, folder: Path | None = None, ok: frozenset[int] = frozenset({0})
    ) -> process.Sample:
        """`klk-daemon` with these arguments as a process, on a folder that `fresh` has made: a new one unless given."""
        folder = folder or self.fresh()
        command = [str(PROGRAM), "--config", str(folder / "klk.toml"), *arguments]
        return process.run(command, env=_environment(folder), cwd=folder, ok=ok)

    def half_an_hour_later(self) -> None:
        """Moves the simulator's clock, and has it make the answers ready, which no run should have to wait for."""
        self._post("/_sim/reloj", {"avanza_s": HALF_HOUR_S})
        for almacen in ALMACENES:
            self._post("/maestra/articulos/almacen", {"Codigoalmacen": almacen})

    def _post(self, path: str, body: object) -> None:
        headers = {"Content-Type": "application/json"}
        with urlopen(Request(self.url + path, json.dumps(body).encode(), headers), timeout=60) as answer:
            answer.read()


def _environment(folder: Path) -> dict[str, str]:
    """That of a service: no terminal, no settings of the person who measures."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KLK_")}
    return inherited | {"KLK_STATE_DIR": str(folder / "state")}


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """Starts the simulator, and ends it."""
    command = [str(PROGRAM), "simulate", "--port", "0", "--seed", "1", "--articulos", str(ARTICULOS), "--factor", "0"]
    env = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as server:
        try:
            assert server.stdout is not None  # it is a pipe
            found = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
            if found is None:
                raise RuntimeError("the simulator said no address")
            yield Scene(found[0], folder)
        finally:
            server.terminate()
