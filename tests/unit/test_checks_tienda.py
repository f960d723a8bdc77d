"""A configured store beside what KLK knows of it."""

from dataclasses import replace

import pytest

from klk_daemon.checks.finding import Grado, Hallazgo
from klk_daemon.checks.tienda import Contestado, juzgar
from klk_daemon.domain import Tienda
from klk_daemon.errors import RespuestaDeError
from klk_daemon.klk.catalogo import Sucursal

PERIFERICO = Tienda("tienda_01", "PERIFERICO", "SUC001", ("APP-TPF", "APP-PPF"))
SUCURSALES = {
    "SUC001": Sucursal(
        "SUC001",
        "PERIFERICO",
        {"APP-TPF": "PISO", "APP-PPF": "PRINCIPAL", "APP-DPF": "DEVOLUCIONES", "APP-CPF": ""},
        "APP-TPF",
    ),
    "SUC002": Sucursal("SUC002", "BOSQUE", {"APP-TBQ": "PISO"}, "APP-TBQ"),
}


def hallazgo(tienda: Tienda, *articulos: int | None) -> Hallazgo:
    """The finding, where KLK answers with so many articles."""
    return juzgar(tienda, dict(zip(tienda.almacenes, map(Contestado, articulos), strict=True)), SUCURSALES)


def test_a_store_that_is_right() -> None:
    """Its sucursal's name, and how many articles each warehouse has."""
    assert hallazgo(PERIFERICO, 3858, 12) == Hallazgo(
        "tienda tienda_01", Grado.OK, "SUC001 PERIFERICO: APP-TPF 3858 articles, APP-PPF 12 articles"
    )


@pytest.mark.parametrize(
    ("sucursal", "almacenes", "meant"),
    [("SUC01", ("X",), "SUC001"), ("suc002", ("X",), "SUC002"), ("9", ("APP-TBQ",), "SUC002"), ("9", ("X",), "SUC001")],
)
def test_an_unknown_sucursal(sucursal: str, almacenes: tuple[str, ...], meant: str) -> None:
    """A like code is proposed, but first the one that has these warehouses, or this name."""
    tienda = replace(
        PERIFERICO, sucursal=sucursal, almacenes=almacenes, nombre="Periferico" if sucursal == "9" else "?"
    )
    found = hallazgo(tienda, 5)
    assert found.estado is Grado.FAIL
    assert f"KLK knows no sucursal {sucursal}" in found.mensaje
    assert f"did you mean {meant} " in found.remedio


def test_an_unknown_sucursal_that_is_like_none() -> None:
    """The command that lists them."""
    tienda = replace(PERIFERICO, sucursal="9", almacenes=("X",), nombre="?")
    assert "tiendas --discover" in hallazgo(tienda, 5).remedio


@pytest.mark.parametrize(("code", "meant"), [("APP-PFP", "APP-PPF (PRINCIPAL)"), ("app-cpf", "APP-CPF?")])
def test_an_unknown_almacen(code: str, meant: str) -> None:
    """A wrong code answers with no articles; a like one of that sucursal is proposed."""
    found = hallazgo(replace(PERIFERICO, almacenes=("APP-TPF", code)), 5, 0)
    assert (found.estado, found.mensaje) == (Grado.FAIL, f"SUC001 PERIFERICO: KLK lists no almacen {code}")
    assert f"did you mean {meant}" in found.remedio


def test_an_unknown_almacen_that_is_like_none() -> None:
    """Those that are not configured yet are named."""
    found = hallazgo(replace(PERIFERICO, almacenes=("APP-TPF", "ZZZ")), 5, 0)
    assert found.remedio == "KLK lists APP-PPF PRINCIPAL, APP-DPF DEVOLUCIONES, APP-CPF there"


def test_an_almacen_of_another_sucursal() -> None:
    """It has articles, but they are another store's."""
    found = hallazgo(replace(PERIFERICO, almacenes=("APP-TPF", "APP-TBQ")), 5, 5)
    assert (found.estado, found.mensaje) == (Grado.FAIL, "SUC001 PERIFERICO: APP-TBQ belongs to SUC002 BOSQUE")


def test_an_empty_almacen() -> None:
    """A run would refuse it."""
    found = hallazgo(PERIFERICO, 5, 0)
    assert (found.estado, found.mensaje) == (Grado.FAIL, "SUC001 PERIFERICO: APP-PPF has no articles")
    assert found.remedio


def test_an_almacen_that_is_not_listed_but_answers() -> None:
    """KLK may know more than it lists: runs will do, and somebody should look."""
    found = hallazgo(replace(PERIFERICO, almacenes=("APP-TPF", "APP-XX")), 5, 7)
    assert found.estado is Grado.WARN
    assert "does not list APP-XX" in found.mensaje


def test_an_almacen_that_could_not_be_asked_about() -> None:
    """KLK hangs: the error where it was asked, a warning where it was not."""
    error = RespuestaDeError("POST /x: HTTP 503", status=503, hint="wait")
    found = juzgar(PERIFERICO, {"APP-TPF": Contestado(0, error), "APP-PPF": Contestado(None)}, SUCURSALES)
    assert found.estado is Grado.FAIL
    assert found.mensaje == "SUC001 PERIFERICO: POST /x: HTTP 503, APP-PPF not asked about, since KLK hangs"
    assert found.remedio == "wait; ask again later"
    assert hallazgo(PERIFERICO, 5, None).estado is Grado.WARN


def test_an_inactive_store() -> None:
    """It is not run: what is wrong with it is a warning."""
    assert juzgar(replace(PERIFERICO, activa=False), {}, SUCURSALES).estado is Grado.OK
    found = juzgar(replace(PERIFERICO, activa=False, almacenes=("ZZZ",)), {}, SUCURSALES)
    assert found.estado is Grado.WARN
    assert found.mensaje.startswith("SUC001 PERIFERICO, inactive: KLK lists no almacen ZZZ")
