"""A broken invariant."""

from typing import Never


class Violacion(AssertionError):
    """Its name first, then the evidence."""

    def __init__(self, invariante: str, detalle: str) -> None:
        super().__init__(f"{invariante}: {detalle}")
        self.invariante = invariante


def exigir(que: object, invariante: str, detalle: object = "") -> None:
    """Raises a `Violacion` where `que` is false."""
    if not que:
        nunca(invariante, detalle)


def nunca(invariante: str, detalle: object = "") -> Never:
    """What cannot be."""
    raise Violacion(invariante, str(detalle)[:1500])
