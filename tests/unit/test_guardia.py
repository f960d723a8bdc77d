"""Which stores are this daemon's: what is told once, what is kept while nobody answers, and what is given back."""

from collections.abc import Collection, Mapping
from types import SimpleNamespace
from typing import Any, cast

from structlog.testing import capture_logs

from klk_daemon.bootstrap.app import App
from klk_daemon.bootstrap.guardia import Guardia
from klk_daemon.domain import Tienda
from klk_daemon.errors import BaseFallida


class Otros:
    """Other daemons on the lake: who has which store."""

    def __init__(self, **ajenas: str) -> None:
        self.de: dict[str, str] = ajenas
        self.silent = False
        self.kept: Collection[str] = ()

    def conservar(self, claves: Collection[str]) -> None:
        """See `Reparto`."""
        if self.silent:
            raise BaseFallida("PostgreSQL does not answer")
        self.kept = claves

    def tomar(self, claves: Collection[str]) -> frozenset[str]:
        """See `Reparto`."""
        return frozenset(set(claves) - self.de.keys())

    def ajenas(self, claves: Collection[str]) -> Mapping[str, str]:
        """See `Reparto`."""
        return {clave: self.de[clave] for clave in claves if clave in self.de}


def guardia(otros: Otros, tiendas: Collection[Tienda]) -> Guardia:
    """One with these stores configured."""
    app = SimpleNamespace(database=SimpleNamespace(origen=SimpleNamespace(reparto=otros)), tiendas=tiendas)

    async def nothing() -> None:
        """Nobody is told."""

    return Guardia(lambda: cast("App", app), nothing)


def events(logs: list[Any]) -> list[tuple[str, str | None]]:
    """What was said, and of which store."""
    return [(line["event"], line.get("tienda")) for line in logs]


async def test_a_stand_by_is_told_once(tiendas: tuple[Tienda, ...]) -> None:
    """One line when a store is another's, one when it is taken over, none in between."""
    otros = Otros(tienda_08="a", tienda_17="a")
    quien = guardia(otros, tiendas)
    with capture_logs() as logs:
        for _ in range(3):
            assert not await quien.mirar()
    assert events(logs) == [("tienda_en_espera", "tienda_08"), ("tienda_en_espera", "tienda_17")]
    assert [t.id for t in quien.mias()] == ["tienda_01", "tienda_20"]
    del otros.de["tienda_08"]
    with capture_logs() as logs:
        assert await quien.mirar()
        assert not await quien.mirar()
    assert events(logs) == [("tienda_tomada", "tienda_08")]
    assert [t.id for t in quien.mias()] == ["tienda_01", "tienda_08", "tienda_20"]


async def test_while_nobody_answers_what_was_known_holds(tiendas: tuple[Tienda, ...]) -> None:
    """So the runs of our own stores fail where everybody sees it, and those of others are not tried."""
    otros = Otros(tienda_08="a")
    quien = guardia(otros, tiendas)
    await quien.mirar()
    otros.silent = True
    with capture_logs() as logs:
        for _ in range(3):
            assert not await quien.mirar()
    assert events(logs) == [("lago_sin_respuesta", None)]
    assert "tienda_08" not in [t.id for t in quien.mias()]


async def test_stores_that_are_not_configured_are_given_back(tiendas: tuple[Tienda, ...]) -> None:
    """What is kept is what is configured and active."""
    otros = Otros()
    await guardia(otros, tiendas[:2]).mirar()
    assert set(otros.kept) == {"tienda_01", "tienda_08"}
