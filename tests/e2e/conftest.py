"""Installations for the end-to-end tests."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from klk_daemon.simulator import Mundo, Simulador, simulador_en_hilo

from .installation import Instalacion


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
    folder = tmp_path_factory.mktemp("plantilla")
    with simulador_en_hilo(Mundo(articulos=200, lineas_por_dia=400)) as simulador:
        Instalacion(folder, simulador.mundo, simulador.url).trigger("todo")
    return folder


@pytest.fixture
def usada(instalacion: Instalacion, plantilla: Path) -> Instalacion:
    """An installation after its first `trigger todo`, without its log."""
    for name in ("data", "state"):
        shutil.copytree(plantilla / name, instalacion.folder / name)
    return instalacion
