"""`klk-daemon tiendas`: the configured stores, and those that KLK has besides."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from klk_daemon.simulator import Falla, Mundo, Simulador, TipoFalla, simulador_en_hilo

from .installation import Instalacion


@pytest.fixture
def siete(tmp_path: Path) -> Iterator[tuple[Instalacion, Simulador]]:
    """Four stores are configured, and KLK has seven."""
    with simulador_en_hilo(Mundo(articulos=20, lineas_por_dia=0, tiendas=7)) as simulador:
        yield Instalacion(tmp_path, Mundo(tiendas=4), simulador.url), simulador


def test_the_configured_stores(tmp_path: Path) -> None:
    """A table and a document; it asks nobody, and needs no API."""
    instalacion = Instalacion(tmp_path, Mundo(), "http://127.0.0.1:1")
    lines = instalacion.run("tiendas", code=0).out.splitlines()
    assert lines[0].split() == ["id", "nombre", "sucursal", "activa", "almacenes"]
    assert lines[1].split() == ["tienda_01", "PERIFERICO", "SUC001", "yes", "APP-TPF", "APP-PPF"]
    assert len(lines) == 5
    assert instalacion.run("tiendas", "--json", code=0).documento[1] == {
        "id": "tienda_08",
        "nombre": "BOSQUE",
        "sucursal": "SUC002",
        "almacenes": ["APP-TBQ"],
        "activa": True,
    }


def test_what_is_discovered_can_be_appended(siete: tuple[Instalacion, Simulador]) -> None:
    """The TOML loads, passes `config validate` behind the configuration, and its stores run."""
    instalacion, _ = siete
    text = instalacion.run("tiendas", "--discover", code=0).out
    nuevas = tomllib.loads(text)["tiendas"]
    assert [t["sucursal"] for t in nuevas] == ["SUC004", "SUC006", "SUC007"]
    assert all(len(t["almacenes"]) == 1 for t in nuevas)
    assert "CONS" not in text
    assert '#   "APP-DPF",  # DEVOLUCIONES' in text
    with instalacion.config.open("a", encoding="utf-8") as config:  # which ends without a line break
        config.write(text)
    assert "7 stores" in instalacion.run("config", "validate", code=0).out
    assert instalacion.trigger("inventario").partes["tienda_suc006"]["estado"] == "exitoso"
    again = instalacion.run("tiendas", "--discover", code=0)
    assert "[[tiendas]]" not in again.out
    assert "configured" in again.err


def test_discovering_as_json(siete: tuple[Instalacion, Simulador]) -> None:
    """Every sucursal of KLK, its warehouses, and what is configured."""
    instalacion, _ = siete
    document = {s["sucursal"]: s for s in instalacion.run("tiendas", "--discover", "--json", code=0).documento}
    assert (document["SUC001"]["id"], document["SUC001"]["configurada"]) == ("tienda_01", True)
    assert (document["SUC006"]["id"], document["SUC006"]["configurada"]) == ("tienda_suc006", False)
    assert [a["codigo"] for a in document["SUC001"]["almacenes"] if a["configurado"]] == ["APP-TPF", "APP-PPF"]


def test_the_first_store_of_all(siete: tuple[Instalacion, Simulador], tmp_path: Path) -> None:
    """With nothing but an address, all of them are printed."""
    instalacion, simulador = siete
    instalacion.config.write_text("", encoding="utf-8")
    assert "no stores are configured" in instalacion.run("tiendas", code=0).out
    assert "api.base_url" in instalacion.run("tiendas", "--discover", code=2).err
    text = instalacion.run("tiendas", "--discover", "--set", f"api.base_url={simulador.url}", code=0).out
    assert len(tomllib.loads(text)["tiendas"]) == 7


def test_klk_does_not_answer(siete: tuple[Instalacion, Simulador]) -> None:
    """One line and exit 1; nothing on stdout that could be appended."""
    instalacion, simulador = siete
    simulador.fallas.poner(Falla(TipoFalla.HTTP, ruta="/maestra/almacenes/Reposicion"))
    done = instalacion.run("tiendas", "--discover", code=1)
    assert done.out == ""
    assert "HTTP 503" in done.err


def test_a_server_without_the_list_of_sales_floors(siete: tuple[Instalacion, Simulador]) -> None:
    """The blocks are there, inactive until somebody chooses the warehouses."""
    instalacion, simulador = siete
    simulador.fallas.poner(Falla(TipoFalla.HTTP, ruta="/maestra/almacenes/pisoventa", status=404))
    nuevas = tomllib.loads(instalacion.run("tiendas", "--discover", code=0).out)["tiendas"]
    assert [(t["almacenes"], t["activa"]) for t in nuevas] == [([], False)] * 3
