"""Single stories, told to their end: outages, late and annulled invoices, suspicious stock, changing clocks."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from duckdb import DuckDBPyConnection
from structlog.testing import capture_logs

from klk_daemon.domain import Intervalo, Job, ResultadoTienda, Tienda
from klk_daemon.jobs.inventario import Inventario
from klk_daemon.jobs.run import Trabajo
from klk_daemon.jobs.run import correr as run_job
from klk_daemon.jobs.sesion import Sesion
from klk_daemon.simulator import Falla, TipoFalla
from klk_daemon.warehouse import rechazos

from . import answers
from .bench import TIENDAS, Apuros
from .scenes import DOS, MEDIA_HORA, MEDIODIA, TARDE, correr, escena, igual
from .truth import UN_DIA, medianoche
from .world import Escala, simular


async def test_three_days_down_with_one_store_failing_in_between(tmp_path: Path) -> None:
    """Each store catches up from where it stood, in requests of at most a day, none across midnight."""
    async with escena(tmp_path) as (b, m):
        await correr(b, m, b.ventas(), MEDIODIA)
        vuelta = MEDIODIA + 3 * UN_DIA + timedelta(hours=2)
        falla = Falla(TipoFalla.HTTP, sucursal="SUC002", ruta="/ventas")
        c = await correr(b, m, b.ventas(), vuelta, Apuros(fallas=(falla,)))
        assert c.partes["tienda_01"].error is None
        assert c.partes["tienda_08"].error is not None
        c = await correr(b, m, b.ventas(), vuelta + MEDIA_HORA)
        pedidas = [d for _, d in answers.pedidas(b.mundo, c, "/ventas")]
        assert all(d["fecha_desde"] == d["fecha_hasta"] for d in pedidas)
        assert [d["fecha_desde"] for d in pedidas if d["sucursal"] == "SUC002"] == [
            f"2025-11-{n}" for n in (10, 11, 12, 13)
        ]
        assert [d["fecha_desde"] for d in pedidas if d["sucursal"] == "SUC001"] == ["2025-11-13"]
        igual(b, m, [date(2025, 11, n) for n in (10, 11, 12)], vuelta + MEDIA_HORA)


async def test_invoices_up_to_45_minutes_late_are_found_by_the_days_own_runs(tmp_path: Path) -> None:
    """With an overlap of 60 minutes nothing is missing, without any conciliacion, though ventas runs once an hour."""
    async with escena(tmp_path, tiendas=1, tardias=(0.2, TARDE), seed=3) as (b, m):
        desde = medianoche(MEDIODIA, b.mundo)
        t = desde + timedelta(minutes=5)
        while t < desde + UN_DIA + timedelta(hours=2):
            await correr(b, m, b.ventas(), t)
            t += timedelta(hours=1)
        tardias = [v for v in m.verdad.dia("SUC001", date(2025, 11, 10)).values() if v.llegada > v.venta]
        assert tardias
        igual(b, m, [date(2025, 11, 10)], t)


async def test_annulled_and_corrected_invoices_are_put_right_by_conciliacion(tmp_path: Path) -> None:
    """Hours later: the day is equal, and each difference stands in `ventas_correcciones`."""
    horas = timedelta(hours=9)
    async with escena(tmp_path, anuladas=(0.1, horas), corregidas=(0.1, horas), seed=5) as (b, m):
        desde = medianoche(MEDIODIA, b.mundo)
        for n in range(1, 25, 3):
            await correr(b, m, b.ventas(), desde + timedelta(hours=n))
        c = await correr(b, m, b.conciliacion(), desde + UN_DIA + timedelta(hours=12))
        igual(b, m, [date(2025, 11, 10)], c.t)
        assert {k.tipo for k in b.foto.correcciones} >= {"eliminada", "actualizada"}
        assert all(b.foto.certificados[t.id, date(2025, 11, 10)] for t in DOS)


async def test_what_lies_beyond_max_catchup_days_is_named_and_read_by_hand(tmp_path: Path) -> None:
    """The warning names the days; the range that it proposes reads them."""
    async with escena(tmp_path, max_catchup_days=2) as (b, m):
        await correr(b, m, b.ventas(), MEDIODIA)
        vuelta = MEDIODIA + 6 * UN_DIA
        with capture_logs() as logs:
            await correr(b, m, b.ventas(), vuelta)
        avisos = [line for line in logs if line["event"] == "ventas_omitidas"]
        assert {(a["desde"], a["hasta"]) for a in avisos} == {("2025-11-10", "2025-11-13")}
        assert not any(v.fecha == "2025-11-12" for v in b.foto.de("tienda_01").values())
        rango = Intervalo(medianoche(MEDIODIA, b.mundo), medianoche(MEDIODIA + 4 * UN_DIA, b.mundo))
        await correr(b, m, b.ventas(rango), vuelta + MEDIA_HORA)
        igual(b, m, [date(2025, 11, n) for n in (10, 11, 12, 13, 14, 15)], vuelta + MEDIA_HORA)


@pytest.mark.parametrize(
    ("zona", "cambio"),
    [
        ("Europe/Madrid", date(2025, 10, 26)),
        ("Europe/Madrid", date(2026, 3, 29)),
        ("America/Santiago", date(2025, 9, 7)),  # midnight does not exist
        ("America/Santiago", date(2026, 4, 5)),  # the hour before midnight comes twice
    ],
)
async def test_days_on_which_the_clock_changes(tmp_path: Path, zona: str, cambio: date) -> None:
    """Runs every two hours over the change: the day is equal to the API's by its own runs."""
    async with escena(tmp_path, zona=zona, tiendas=1, tardias=(0.2, TARDE)) as (b, m):
        t = b.mundo.dia(cambio - UN_DIA)[0].astimezone(UTC) + timedelta(hours=20, minutes=5)
        fin = b.mundo.dia(cambio + UN_DIA)[0].astimezone(UTC) + timedelta(hours=3)
        while t < fin:
            await correr(b, m, b.ventas(), t)
            t += timedelta(minutes=120)
        igual(b, m, [cambio - UN_DIA, cambio], t)
        assert len(b.foto.cobertura["tienda_01"]) == 1  # without a gap, though the day has an hour more or less
        await correr(b, m, b.conciliacion([cambio]), t)


@pytest.mark.parametrize("tipo", [TipoFalla.SIN_FILAS, TipoFalla.ENCOGIDO])
async def test_a_suspicious_snapshot_is_refused_until_it_is_accepted(tmp_path: Path, tipo: TipoFalla) -> None:
    """The old stock stays; `--aceptar` takes a short list, never an empty one."""
    async with escena(tmp_path) as (b, m):
        await correr(b, m, b.inventario(), MEDIODIA)
        antes = b.foto.stock
        raro = Apuros(fallas=(Falla(tipo, almacen="APP-PPF"),))
        c = await correr(b, m, b.inventario(), MEDIODIA + UN_DIA, raro)
        error = c.partes["tienda_01"].error
        assert error is not None
        assert error.error_tipo == "snapshot_sospechoso"
        for almacen in ("APP-TPF", "APP-PPF"):
            assert b.foto.stock["tienda_01", almacen] == antes["tienda_01", almacen]
        c = await correr(b, m, b.inventario(0), MEDIODIA + UN_DIA, raro)
        assert (c.partes["tienda_01"].error is None) == (tipo is TipoFalla.ENCOGIDO)


async def test_a_run_for_one_store_touches_no_other(tmp_path: Path) -> None:
    """Invoice numbers repeat across stores: reading one store leaves the other's lines as they are."""
    async with escena(tmp_path) as (b, m):
        await correr(b, m, b.ventas(), MEDIODIA)
        c = await b.correr(b.ventas(), MEDIODIA + timedelta(hours=4), tiendas=DOS[:1])
        m.revisar(c)
        assert c.despues.de("tienda_08") == c.antes.de("tienda_08")
        assert c.despues.de("tienda_01").keys() & c.despues.de("tienda_08").keys()


async def test_a_store_whose_commit_fails_has_told_nothing_of_its_products(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transaction took the catalogue along: the next store of the run writes it, and has all of its stock."""
    anotar = rechazos.anotar

    def fails_for_the_first(con: DuckDBPyConnection, job: Job, ubicacion_id: str, *rest: Any) -> None:
        if ubicacion_id == DOS[0].id:
            raise duckdb.IOException("no more room")
        anotar(con, job, ubicacion_id, *rest)

    monkeypatch.setattr(rechazos, "anotar", fails_for_the_first)
    async with escena(tmp_path) as (b, _m):
        c = await b.correr(b.inventario(), MEDIODIA, tiendas=DOS)
        assert [c.partes[t.id].error is None for t in DOS] == [False, True]
        assert not c.despues.existencias(DOS[0].id)
        assert {len(filas) for filas in c.despues.existencias(DOS[1].id).values()} == {40}


async def test_so_many_stores_at_once_hold_their_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many stores no more than `a_la_vez` have answers in memory, and all have their turn."""
    held: list[int] = [0]
    most = [0]
    original = Inventario.tienda

    async def counted(self: Inventario, tienda: Tienda, sesion: Sesion[None]) -> None:
        held[0] += 1
        most[0] = max(most[0], held[0])
        try:
            await original(self, tienda, sesion)
        finally:
            held[0] -= 1

    monkeypatch.setattr(Inventario, "tienda", counted)
    async with escena(tmp_path, tiendas=4) as (b, _m):
        c = await b.correr(replace(b.inventario(), a_la_vez=2), MEDIODIA, tiendas=TIENDAS[:4])
        assert all(parte.error is None for parte in c.partes.values())
        assert len(c.partes) == 4
    assert most == [2]


async def test_a_month_goes_by_in_seconds(tmp_path: Path) -> None:
    """Thirty days with few lines, read every other day: every day certified and equal."""
    async with escena(tmp_path, lineas_por_dia=20, tiendas=1, tardias=(0.2, TARDE)) as (b, m):
        una = DOS[:1]
        desde = medianoche(MEDIODIA, b.mundo)
        for n in range(1, 30, 2):
            c = await b.correr(b.ventas(), desde + n * UN_DIA + timedelta(hours=23), tiendas=una)
            m.revisar(c)
        t = desde + 30 * UN_DIA + timedelta(hours=3, minutes=15)
        fechas = [date(2025, 11, 10) + n * UN_DIA for n in range(30)]
        finales: tuple[Trabajo[Any], ...] = (b.ventas(), b.conciliacion(fechas))
        for trabajo in finales:
            c = await b.correr(trabajo, t, tiendas=una)
            m.revisar(c)
        assert len(b.foto.certificados) == 30
        debe = {k: v for f in fechas for k, v in m.verdad.mostradas("SUC001", f, t).items()}
        assert {k: v for k, v in b.foto.de("tienda_01").items() if date.fromisoformat(v.fecha) in fechas} == debe


def test_a_seed_is_the_same_life_again() -> None:
    """The same seed gives the same runs at the same instants, with the same troubles."""
    escala = Escala(dias=2, corridas=5, caidas=0.5, lineas=30)
    una, otra = simular(2, escala), simular(2, escala)
    assert [p.split("->")[0] for p in una.pasos] == [p.split("->")[0] for p in otra.pasos]


@pytest.mark.parametrize("vueltas", range(4))
async def test_cut_off_as_it_begins(tmp_path: Path, vueltas: int) -> None:
    """However early a run is cancelled once it has begun, each store is told of, and no row is left under way."""
    async with escena(tmp_path, tiendas=2) as (b, m):
        await correr(b, m, b.inventario(), MEDIODIA)
        partes: list[ResultadoTienda] = []
        run = run_job(b.inventario(), DOS, b.entorno, now=MEDIODIA + MEDIA_HORA, on_tienda=partes.append)
        task = asyncio.create_task(run)
        for _ in range(vueltas + 1):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [str(p.error) for p in partes] == ["cut off: shutdown"] * 2
        abiertas = "SELECT count(*) FROM etl_ejecuciones WHERE estado = 'en_proceso'"
        assert (await b.base.transaction(lambda con: con.execute(abiertas).fetchall())).value == [(0,)]
