"""Columns of text where a new installation has numbers, dates and flags: `ventas_raw` of a legacy file.

They are written as the older pipeline did (legacy-db.md, "Where a value comes from"), and compared by what they mean:
`1` is `1.0`, and what a new installation would round away is no difference.
"""

from collections.abc import Mapping
from datetime import datetime

from klk_daemon.warehouse.schema import iniciales

TEXTO = "VARCHAR"
ENTEROS = {"INTEGER": "DECIMAL(18, 6)"}  # `1.0`, as pandas writes a column of whole numbers with a hole in it


def textuales(tabla: str, tipos: Mapping[str, str]) -> dict[str, str]:
    """The columns that hold text instead of something else, with the type of a new installation.

    Args:
        tabla: its name.
        tipos: its columns and their types as they are.
    """
    nuevos = iniciales()[tabla]
    return {c: nuevos[c] for c, tipo in tipos.items() if tipo == TEXTO and nuevos.get(c, TEXTO) != TEXTO}


def sello(momento: datetime, tipo: str) -> datetime | str:
    """A moment for a column of such a type: `2025-11-17 12:35:04.123456` where it is text."""
    return f"{momento:%Y-%m-%d %H:%M:%S.%f}" if tipo == TEXTO else momento


def valor(expresion: str, tipo: str | None) -> str:
    """SQL for what a value means, to be compared; what is no `tipo` is compared as the text that it is.

    Args:
        expresion: the value.
        tipo: what it means; None: it has its own type.
    """
    if tipo is None:
        return expresion
    return f"COALESCE(CAST(TRY_CAST({expresion} AS {ENTEROS.get(tipo, tipo)}) AS VARCHAR), {expresion})"
