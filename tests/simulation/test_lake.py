"""The guarantees on a lake: the same stories, and several daemons that write side by side."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import stamina
from postgres import Postgres

from klk_daemon.domain import Resultado, Tienda
from klk_daemon.jobs.conciliacion import Conciliacion
from klk_daemon.jobs.entorno import Entorno
from klk_daemon.jobs.inventario import Inventario
from klk_daemon.jobs.locks import JobLocks
from klk_daemon.jobs.run import Trabajo, correr
from klk_daemon.jobs.ventas import Ventas
from klk_daemon.klk.client import ClientOptions, KlkClient
from klk_daemon.simulator import Mundo, Simulador
from klk_daemon.warehouse.connection import Database
from klk_daemon.warehouse.pendientes import Pendientes
from klk_daemon.warehouse.recibo import Recibo

from .bench import MIN_RATIO, OVERLAP
from .snapshot import Foto, tomar
from .truth import Verdad
from .world import RAPIDA, simular

# 22: outages of days, another daemon that writes too long, cancelled runs.
SEEDS = (2, 3, 4, 6, 9, 22, 23)
POCAS, TODAS = (1, 1, 3), (4, 4, 11)
MEDIA_HORA = timedelta(minutes=30)


@pytest.mark.lake
@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_and_nothing_doubled(seed: int, postgres: Postgres, tmp_path: Path) -> None:
    """After every run the guarantees hold on a lake as on a file."""
    assert simular(seed, RAPIDA, postgres.lago(postgres.create(), tmp_path / "parquet")).lineas > 0


@dataclass(frozen=True, slots=True)
class Demonio:
    """One daemon's objects, in the thread and the session that a process of its own would have."""

    entorno: Entorno
    tiendas: tuple[Tienda, ...]


def demonios(postgres: Postgres, tmp_path: Path, mundo: Mundo, url: str, reparto: Sequence[int]) -> list[Demonio]:
    """One for each number of stores, on one lake."""
    tiendas = [
        Tienda(t.sucursal.lower(), t.nombre, t.sucursal, tuple(a.codigo for a in t.activos)) for t in mundo.tiendas
    ]
    database, found = postgres.create(), []
    for number, size in enumerate(reparto):
        state = tmp_path / f"state{number}"
        state.mkdir()
        mias, tiendas = tuple(tiendas[:size]), tiendas[size:]
        options = ClientOptions(url, timeout_s=600)
        entorno = Entorno(
            database=Database(postgres.lago(database, tmp_path / "parquet"), lock_timeout_s=600),
            client=partial(KlkClient, options, asyncio.Semaphore(6)),
            recibo=Recibo(state, f"daemon{number}"),
            pendientes=Pendientes(state),
            zona=mundo.zona,
            run_timeout_s=1500,
            host="simulation",
            version="0",
            ubicaciones=tuple(t.id for t in mias),
            locks=JobLocks(state),
        )
        entorno.database._config["threads"] = 1  # small queries: threads would only wait for each other
        found.append(Demonio(entorno, mias))
    return found


async def vivir(postgres: Postgres, tmp_path: Path, reparto: Sequence[int], medias_horas: int) -> None:
    """So many half hours, all daemons at once; then everything is held against the oracle."""
    mundo = Mundo(tiendas=sum(reparto), articulos=60, lineas_por_dia=480, tardias=(0.1, timedelta(minutes=45)))
    inicio = datetime(2025, 11, 10, 4, 5, tzinfo=UTC) + 24 * timedelta(hours=1) - medias_horas * MEDIA_HORA
    with stamina.set_testing(True, attempts=2, cap=True):
        async with Simulador(mundo) as sim:
            todos = demonios(postgres, tmp_path, mundo, sim.url, reparto)
            runs = 0
            for n in range(medias_horas + 1):
                t = inicio + n * MEDIA_HORA
                mundo.set_now(t)
                ventas = Ventas(zona=mundo.zona, overlap=OVERLAP, first_run_days=0, max_catchup_days=31, rango=None)
                for trabajo in (Inventario(MIN_RATIO), ventas):
                    runs += await side_by_side(todos, trabajo, t)
            dias = Conciliacion(
                zona=mundo.zona,
                days=1,
                min_ratio=MIN_RATIO,
                overlap=OVERLAP,
                fechas=(inicio.astimezone(mundo.zona).date(),),
            )
            runs += await side_by_side(todos, dias, t)
            foto = (await todos[0].entorno.database.transaction(tomar, keep=False)).value
            ids = (await todos[1].entorno.database.transaction(ledger_ids, keep=False)).value
            for d in todos:
                d.entorno.database.close()
    assert len(ids) == runs
    assert len(set(ids)) == runs
    assert {estado for (estado,) in foto.libro.values()} == {"exitoso"}
    equal(mundo, foto, {t.id: t for d in todos for t in d.tiendas}, inicio, t)


def ledger_ids(con: object) -> list[int]:
    """The ledger's ids: one a row, whichever daemon wrote it."""
    rows = con.execute("SELECT id FROM etl_ejecuciones").fetchall()  # type: ignore[attr-defined]
    return [id_ for (id_,) in rows]


async def side_by_side(todos: list[Demonio], trabajo: Trabajo[Any], t: datetime) -> int:
    """One run of each daemon at once; how many stores had their part, all of them with success."""
    resultados: list[Resultado] = await asyncio.gather(*(correr(trabajo, d.tiendas, d.entorno, now=t) for d in todos))
    errors = [str(p.error) for r in resultados for p in r.fallidas]
    assert not errors, errors
    return sum(len(r.tiendas) for r in resultados)


def equal(mundo: Mundo, foto: Foto, tiendas: Mapping[str, Tienda], inicio: datetime, t: datetime) -> None:
    """Every store's day and stock are KLK's: each line once, cent by cent."""
    assert foto.dobles == []
    assert foto.stock_dobles == 0
    verdad = Verdad(mundo)
    primera = inicio.astimezone(mundo.zona).date()
    for id_, tienda in tiendas.items():
        fechas = sorted({primera} | {datetime.fromisoformat(v.fecha).date() for v in foto.de(id_).values()})
        debe = {k: v for f in fechas for k, v in verdad.mostradas(tienda.sucursal, f, t).items()}
        # Of the day before, the second run's overlap has read the last minutes.
        vispera = {k: v for k, v in debe.items() if v.fecha < str(primera) and k not in foto.de(id_)}
        assert all(v.hora < "23:05" for v in vispera.values())
        assert foto.de(id_) == {k: v for k, v in debe.items() if k not in vispera}, id_
        assert sum((v.usd for v in foto.de(id_).values()), Decimal(0)) > 0
        for almacen in tienda.almacenes:
            held = {k: float(v) for k, v in foto.stock[id_, almacen].items()}
            assert held == mundo.existencias(almacen, t), almacen


async def test_three_daemons_write_side_by_side(postgres: Postgres, tmp_path: Path) -> None:
    """Equal to the oracle, no commit lost, every ledger row with an id of its own."""
    await vivir(postgres, tmp_path, POCAS, 2)


@pytest.mark.lake
@pytest.mark.timeout(1800)
async def test_three_daemons_for_a_day(postgres: Postgres, tmp_path: Path) -> None:
    """The same with four, four and eleven stores from midnight to midnight, by the half hour."""
    await vivir(postgres, tmp_path, TODAS, 48)
