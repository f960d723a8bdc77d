"""Codes that are no codes."""

from klk_daemon.simulator import Falla, Simulador, TipoFalla

from .installation import Instalacion


def test_nan_codes(instalacion: Instalacion, simulador: Simulador) -> None:
    """A NaN where a code should be makes a bad row, not the text `NaN`."""
    simulador.fallas.poner(Falla(TipoFalla.FILAS_MALAS, dano="nan", parte=0.3))
    instalacion.trigger("todo")
    assert instalacion.sql(
        "SELECT count(*) FROM ventas_raw WHERE lower(numero_factura) = 'nan' OR lower(codigo_producto) = 'nan'"
    ) == [(0,)]
    assert instalacion.sql("SELECT count(*) FROM stock_actual WHERE lower(codigo_producto) = 'nan'") == [(0,)]
