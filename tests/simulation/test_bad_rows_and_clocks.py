"""Stories that the product fails today; collected once renamed to `test_bad_rows_and_clocks.py`, with the fix."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from klk_daemon.domain import Intervalo
from klk_daemon.simulator import Falla, TipoFalla

from .bench import Apuros
from .scenes import DOS, MEDIODIA, correr, escena, igual
from .truth import UN_DIA, medianoche


@pytest.mark.parametrize("campo", ["numero_factura", "linea", "cantidad_vendida"])
@pytest.mark.parametrize("dano", ["falta", "nulo", "texto", "nan", "absurdo"])
async def test_conciliacion_keeps_lines_beside_unreadable_rows(tmp_path: Path, campo: str, dano: Any) -> None:
    """A row whose invoice number cannot be read may be any line: no line that the API has is deleted for it."""
    async with escena(tmp_path) as (b, m):
        await correr(b, m, b.ventas(), MEDIODIA)
        await correr(b, m, b.ventas(), MEDIODIA + UN_DIA)
        mala = Falla(TipoFalla.FILAS_MALAS, ruta="/ventas", campo=campo, dano=dano, parte=0.05)
        c = await correr(b, m, b.conciliacion([date(2025, 11, 10)]), MEDIODIA + UN_DIA, Apuros(fallas=(mala,)))
        assert all(p.error is None for p in c.partes.values())
        igual(b, m, [date(2025, 11, 10)], c.t)


async def test_a_clock_that_ran_ahead_loses_nothing_once_it_is_right(tmp_path: Path) -> None:
    """Read at noon by a clock three hours ahead, then again at half past one by a right one: no sale is missing."""
    async with escena(tmp_path) as (b, m):
        await correr(b, m, b.ventas(), MEDIODIA - timedelta(hours=1))
        c = await b.correr(b.ventas(), MEDIODIA, tiendas=DOS, now=MEDIODIA + timedelta(hours=3))
        m.revisar(c)
        t = MEDIODIA + timedelta(minutes=90)
        await correr(b, m, b.ventas(), t)
        for tienda in DOS:
            debe = m.verdad.vendidas(tienda.sucursal, Intervalo(medianoche(t, b.mundo), t), t)
            assert not debe.keys() - b.foto.de(tienda.id).keys()


async def test_what_a_wrong_clock_claimed_is_given_up(tmp_path: Path) -> None:
    """Claimed until three by a clock ahead, read at half past twelve by a right one, then nothing until four."""
    async with escena(tmp_path) as (b, m):
        await correr(b, m, b.ventas(), MEDIODIA - timedelta(hours=1))
        await b.correr(b.ventas(), MEDIODIA, tiendas=DOS, now=MEDIODIA + timedelta(hours=3))
        await b.correr(b.ventas(), MEDIODIA + timedelta(minutes=30), tiendas=DOS)
        t = MEDIODIA + timedelta(hours=4)
        await b.correr(b.ventas(), t, tiendas=DOS)
        for tienda in DOS:
            debe = m.verdad.vendidas(tienda.sucursal, Intervalo(medianoche(t, b.mundo), t), t)
            assert not debe.keys() - b.foto.de(tienda.id).keys()
