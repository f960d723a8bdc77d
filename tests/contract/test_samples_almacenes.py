"""The warehouse lists that came with klk-api.md load as they stand."""

from pathlib import Path

from klk_daemon.klk import wire
from klk_daemon.klk.answers import parse
from klk_daemon.klk.catalogo import Sucursal, catalogo

SAMPLES = Path(__file__).parent / "samples"


def test_the_warehouse_lists() -> None:
    """Both bare lists, one sucursal of three warehouses; the pseudo-store is none."""
    reposicion, pisoventa = (
        parse((SAMPLES / f"almacenes_{name}.json").read_bytes(), wire.ALMACENES, "x")
        for name in ("reposicion", "pisoventa")
    )
    assert not reposicion.rechazos
    assert not pisoventa.rechazos
    assert catalogo(reposicion.filas, pisoventa.filas) == {
        "SUC001": Sucursal(
            "SUC001",
            "PERIFERICO",
            {"APP-TPF": "PERIFERICO PV", "APP-DPF": "DEVOLUCIONES", "APP-MPF": "MERMA"},
            "APP-TPF",
        )
    }
