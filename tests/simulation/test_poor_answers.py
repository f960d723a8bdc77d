"""Single stories of answers that are no good: what is believed of them, and what is not."""

from datetime import date
from pathlib import Path

from klk_daemon.domain import Intervalo
from klk_daemon.simulator import Falla, TipoFalla

from .bench import Apuros
from .scenes import MEDIA_HORA, MEDIODIA, correr, escena, igual
from .truth import medianoche


async def test_an_empty_body_is_no_empty_day(tmp_path: Path) -> None:
    """The store fails, its watermark stays where it was, and the next run reads what was missed."""
    async with escena(tmp_path) as (b, m):
        mudo = Apuros(fallas=(Falla(TipoFalla.CUERPO_VACIO, sucursal="SUC002", ruta="/ventas"),))
        c = await correr(b, m, b.ventas(), MEDIODIA, mudo)
        assert c.partes["tienda_01"].error is None
        error = c.partes["tienda_08"].error
        assert error is not None
        assert error.error_tipo == "respuesta_invalida"
        c = await correr(b, m, b.ventas(), MEDIODIA + 6 * MEDIA_HORA)
        assert c.partes["tienda_08"].conteo.insertados > 0
        igual(b, m, [date(2025, 11, 10)], c.t)


async def test_a_bad_row_costs_one_row(tmp_path: Path) -> None:
    """Beside rows that cannot be read the others are loaded; once KLK is well the day is equal."""
    async with escena(tmp_path) as (b, m):
        malas = Apuros(fallas=(Falla(TipoFalla.FILAS_MALAS, sucursal="SUC001", ruta="/ventas", parte=0.2),))
        c = await correr(b, m, b.ventas(), MEDIODIA, malas)
        parte = c.partes["tienda_01"]
        assert parte.error is None
        assert parte.conteo.rechazados > 0
        assert parte.conteo.insertados > parte.conteo.rechazados
        hoy = Intervalo(medianoche(MEDIODIA, b.mundo), MEDIODIA + MEDIA_HORA)
        await correr(b, m, b.ventas(hoy), hoy.hasta)
        igual(b, m, [date(2025, 11, 10)], MEDIODIA + MEDIA_HORA)
