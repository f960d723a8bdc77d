"""A small stage for single stories: two stores, their database, and the model that checks every run."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from klk_daemon.jobs.run import Trabajo
from klk_daemon.simulator import Mundo

from .bench import NINGUNO, TIENDAS, Apuros, Banco, Corrida, banco
from .model import Modelo
from .truth import Verdad

DOS = TIENDAS[:2]
MEDIODIA = datetime(2025, 11, 10, 16, 5, tzinfo=UTC)
TARDE = timedelta(minutes=45)
MEDIA_HORA = timedelta(minutes=30)


@asynccontextmanager
async def escena(
    tmp_path: Path, *, max_catchup_days: int = 31, legado: Path | None = None, **changes: Any
) -> AsyncIterator[tuple[Banco, Modelo]]:
    """Two stores, their database, and the model that checks every run."""
    mundo = Mundo(**({"tiendas": 2, "articulos": 40, "lineas_por_dia": 120} | changes))
    async with banco(tmp_path, mundo, max_catchup_days=max_catchup_days, legado=legado) as b:
        yield b, Modelo(b, Verdad(mundo))


async def correr(b: Banco, m: Modelo, trabajo: Trabajo[Any], t: datetime, apuros: Apuros = NINGUNO) -> Corrida:
    """One run for the world's stores, checked."""
    c = await b.correr(trabajo, t, tiendas=TIENDAS[: len(b.mundo.tiendas)], apuros=apuros)
    m.revisar(c)
    return c


def igual(b: Banco, m: Modelo, fechas: list[date], t: datetime) -> None:
    """The days are exactly what the API shows."""
    for tienda in TIENDAS[: len(b.mundo.tiendas)]:
        debe = {k: v for f in fechas for k, v in m.verdad.mostradas(tienda.sucursal, f, t).items()}
        assert debe
        assert {k: v for k, v in b.foto.de(tienda.id).items() if date.fromisoformat(v.fecha) in fechas} == debe
