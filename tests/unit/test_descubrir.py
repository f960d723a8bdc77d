"""What KLK has beyond the configuration, as TOML that loads."""

import tomllib
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from klk_daemon.domain import Tienda
from klk_daemon.klk.catalogo import Sucursal, catalogo
from klk_daemon.klk.descubrir import as_toml, descubrir
from klk_daemon.klk.wire import Almacen
from klk_daemon.settings import Settings

PERIFERICO = Tienda("tienda_01", "PERIFERICO", "SUC001", ("APP-TPF",))


def fila(sucursal: str, nombre: str, almacen: str, descripcion: str | None = "X") -> Almacen:
    """A row of a list."""
    return Almacen(CodigoSucursal=sucursal, NombreSucursal=nombre, CodigoAlmacen=almacen, NombreAlmacen=descripcion)


def bloques(tiendas: list[Tienda], sucursales: dict[str, Sucursal]) -> list[dict[str, Any]]:
    """The blocks as settings read them; they must fit together with what is configured."""
    nuevas: list[dict[str, Any]] = tomllib.loads(as_toml(descubrir(tiendas, sucursales))).get("tiendas", [])
    held = [
        {"id": t.id, "nombre": t.nombre, "sucursal": t.sucursal, "almacenes": t.almacenes, "activa": t.activa}
        for t in tiendas
    ]
    Settings.model_validate({"tiendas": [*held, *nuevas]})
    return nuevas


def test_the_two_lists_are_one() -> None:
    """The sales floor first, doubles once, names filled in, and no pseudo-store."""
    pisos = [fila("CONS", "CONSOLIDADO", "CONS"), fila("SUC001", "PERIFERICO", "APP-TPF", None)]
    todos = [
        fila("SUC001", "PERIFERICO", "APP-DPF", "DEVOLUCIONES"),
        fila("SUC001", "", "APP-TPF", "PISO"),
        fila("SUC009", "", "Z", None),
        fila("SUC009", "", "Z", None),
    ]
    assert catalogo(todos, pisos) == {
        "SUC001": Sucursal("SUC001", "PERIFERICO", {"APP-TPF": "PISO", "APP-DPF": "DEVOLUCIONES"}, "APP-TPF"),
        "SUC009": Sucursal("SUC009", "SUC009", {"Z": ""}, None),
    }


def test_a_new_store() -> None:
    """Its sales floor is set; the other warehouses stand as comments with their names."""
    sucursal = Sucursal("SUC006", "LA VIÑA", {"TLV": "PISO", "DLV": "DEVOLUCIONES"}, "TLV")
    assert as_toml(descubrir([], {"SUC006": sucursal})) == (
        '[[tiendas]]\nid = "tienda_suc006"\nnombre = "LA VIÑA"\nsucursal = "SUC006"\nalmacenes = [\n'
        '  "TLV",  # PISO (piso de venta)\n  # "DLV",  # DEVOLUCIONES\n]'
    )


def test_a_new_store_without_a_sales_floor() -> None:
    """It is inactive until somebody has chosen."""
    (nueva,) = bloques([], {"S": Sucursal("S", "S", {"A": "", "B": ""}, None)})
    assert (nueva["almacenes"], nueva["activa"]) == ([], False)


def test_a_warehouse_that_another_store_has() -> None:
    """Each can be read for one store only: it stands as a comment that says whose it is."""
    sucursales = {"S": Sucursal("S", "S", {"APP-TPF": "PISO", "B": ""}, "APP-TPF")}
    (nueva,) = bloques([PERIFERICO], sucursales)
    assert (nueva["almacenes"], nueva["activa"]) == ([], False)
    assert "of tienda_01 in this configuration" in as_toml(descubrir([PERIFERICO], sucursales))


def test_ids_are_free() -> None:
    """Neither a configured store's nor another new one's; of letters that an id may have."""
    sucursales = {codigo: Sucursal(codigo, "N", {codigo: ""}, codigo) for codigo in ("SUC 6", "suc_6", "Ñandú", "★")}
    ids = [nueva["id"] for nueva in bloques([replace(PERIFERICO, id="tienda_suc_6")], sucursales)]
    assert ids == ["tienda_suc_6_2", "tienda_suc_6_3", "tienda_nandu", "tienda_nueva"]


def test_a_configured_store() -> None:
    """What it leaves out is a comment; so is a sucursal that KLK does not list."""
    listed = {"SUC001": Sucursal("SUC001", "P", {"APP-TPF": "", "APP-DPF": "DEVOLUCIONES"}, "APP-TPF")}
    text = as_toml(descubrir([PERIFERICO, Tienda("tienda_x", "X", "SUC404", ("Q",))], listed))
    assert tomllib.loads(text) == {}
    assert '#   "APP-DPF",  # DEVOLUCIONES' in text
    assert "# tienda_x: KLK lists no sucursal SUC404" in text
    assert as_toml(descubrir([replace(PERIFERICO, almacenes=("APP-TPF", "APP-DPF"))], listed)) == ""


textos = st.text(st.characters(codec="utf-8"), max_size=12)
codigos = textos.map(str.strip).filter(bool)


@given(st.lists(st.tuples(codigos, textos, codigos, textos, st.booleans()), max_size=12))
def test_whatever_klk_calls_them(filas: list[tuple[str, str, str, str, bool]]) -> None:
    """Quotes, line breaks, control characters: the TOML loads, is valid beside the others, and keeps the names."""
    rows = [(fila(s, n, a, d), piso) for s, n, a, d, piso in filas]
    sucursales = catalogo([row for row, _ in rows], [row for row, piso in rows if piso])
    nuevas = bloques([PERIFERICO], sucursales)
    assert {nueva["sucursal"]: nueva["nombre"] for nueva in nuevas} == {
        codigo: s.nombre for codigo, s in sucursales.items() if codigo != "SUC001"
    }
