"""Installations for the end-to-end tests."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from shared import made_once

from klk_daemon.simulator import Mundo, Simulador, simulador_en_hilo

from .daemon import Daemon, running
from .installation import NEVER, Instalacion


@pytest.fixture
def simulador() -> Iterator[Simulador]:
    """A small KLK on a loopback socket."""
    with simulador_en_hilo(Mundo(articulos=200, lineas_por_dia=400)) as simulador:
        yield simulador


@pytest.fixture
def instalacion(tmp_path: Path, simulador: Simulador) -> Instalacion:
    """A new installation of the four stores: no database yet."""
    return Instalacion(tmp_path, simulador.mundo, simulador.url)


@pytest.fixture(scope="session")
def plantilla(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an installation after its first `trigger todo`, made once."""

    def make(folder: Path) -> None:
        with simulador_en_hilo(Mundo(articulos=200, lineas_por_dia=400)) as simulador:
            Instalacion(folder, simulador.mundo, simulador.url).trigger("todo")

    return made_once(tmp_path_factory, "plantilla", make)


@pytest.fixture
def usada(instalacion: Instalacion, plantilla: Path) -> Instalacion:
    """An installation after its first `trigger todo`, without its log."""
    for name in ("data", "state"):
        shutil.copytree(plantilla / name, instalacion.folder / name)
    return instalacion


@pytest.fixture(scope="module")
def klk() -> Iterator[Simulador]:
    """A small KLK for all tests of a module."""
    with simulador_en_hilo(Mundo(articulos=200, lineas_por_dia=400)) as simulador:
        yield simulador


@pytest.fixture(scope="module")
def daemon(klk: Simulador, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon for all of them, after its first run of each job: each leaves it as it was. No half hour ends in it."""
    with running(Instalacion(tmp_path_factory.mktemp("daemon"), klk.mundo, klk.url, NEVER)) as daemon:
        yield daemon
