"""A lake beside a file: the same runs by the half hour, a reader's queries, and how many files there are in the end.

python -m benchmarks.lake [HALF_HOURS] [STORES]

Needs PostgreSQL's programs; starts a server of its own, without fsync: what a commit costs there depends on its disk.
"""

import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import structlog
from duckdb import DuckDBPyConnection

from klk_daemon.bootstrap import copia, cuidado, place
from klk_daemon.domain import Tienda
from klk_daemon.jobs.entorno import Entorno
from klk_daemon.jobs.inventario import Inventario
from klk_daemon.jobs.locks import JobLocks
from klk_daemon.jobs.run import Trabajo, correr
from klk_daemon.jobs.ventas import Ventas
from klk_daemon.klk.client import ClientOptions, KlkClient
from klk_daemon.simulator import Mundo, Simulador
from klk_daemon.warehouse import mantenimiento
from klk_daemon.warehouse.connection import Database
from klk_daemon.warehouse.pendientes import Pendientes
from klk_daemon.warehouse.recibo import Recibo

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from postgres import server

ARTICULOS, LINEAS = 3858, 5800
MEDIA_HORA = timedelta(minutes=30)
QUERIES = {
    "newest sale of each store": "SELECT ubicacion_id, MAX(fecha_carga) FROM ventas_raw GROUP BY ubicacion_id",
    "sales by day and store": "SELECT fecha, ubicacion_id, sum(venta_total) FROM ventas_raw GROUP BY ALL",
    "stock by store": "SELECT ubicacion_id, sum(valor_inventario) FROM stock_actual GROUP BY ubicacion_id",
}
READINGS = 15
TIMES = 100


@dataclass(slots=True)
class Place:
    """What is measured of one place. Seconds."""

    name: str
    database: Database
    entorno: Entorno
    runs: dict[str, list[float]] = field(default_factory=dict)


def main() -> None:
    """Prints the tables."""
    half_hours, stores = (int(text) for text in (*sys.argv[1:], *("48", "4")[len(sys.argv) - 1 :]))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with server() as postgres, tempfile.TemporaryDirectory(prefix="klk-bench-") as text:
        folder = Path(text)
        lake, copied = (f"ducklake:postgres:{postgres.conninfo(postgres.create())}" for _ in range(2))
        asyncio.run(_measure(folder, lake, half_hours, stores))
        _copy(folder, copied)


async def _measure(folder: Path, lake: str, half_hours: int, stores: int) -> None:
    mundo = Mundo(tiendas=stores, articulos=ARTICULOS, lineas_por_dia=LINEAS)
    tiendas = tuple(Tienda(t.sucursal, t.nombre, t.sucursal, tuple(a.codigo for a in t.activos)) for t in mundo.tiendas)
    start = datetime(2025, 11, 10, 14, 5, tzinfo=UTC)
    async with Simulador(mundo) as sim:
        places = [
            _place(folder, "file", str(folder / "klk.db"), mundo, tiendas, sim.url),
            _place(folder, "lake", lake, mundo, tiendas, sim.url),
        ]
        for n in range(half_hours):
            t = start + n * MEDIA_HORA
            mundo.set_now(t)
            ventas = Ventas(
                zona=mundo.zona, overlap=timedelta(hours=1), first_run_days=0, max_catchup_days=31, rango=None
            )
            for where in places:
                trabajos: tuple[Trabajo[Any], ...] = (Inventario(0.5), ventas)
                for trabajo in trabajos:
                    began = time.perf_counter()
                    resultado = await correr(trabajo, tiendas, where.entorno, now=t)
                    if resultado.exit_code:
                        raise RuntimeError(f"a failure is no measurement: {resultado}")
                    where.runs.setdefault(str(trabajo.job), []).append(time.perf_counter() - began)
    print(
        f"{stores} stores, {half_hours} half hours, {ARTICULOS} articles a warehouse, {LINEAS} lines a store and day\n"
    )
    print("| what | file ms | lake ms |\n| --- | ---: | ---: |")
    for job in places[0].runs:
        cells = [_ms(where.runs[job][1:]) for where in places]
        print(f"| {job}, {stores} stores | {' | '.join(cells)} |")
    for name, query in QUERIES.items():
        print(f"| {name} | {' | '.join([await _query(where.database, query) for where in places])} |")
    await _files(folder, places[1].database)
    for where in places:
        where.database.close()


def _place(folder: Path, name: str, path: str, mundo: Mundo, tiendas: tuple[Tienda, ...], url: str) -> Place:
    state = folder / name
    state.mkdir()
    database = Database(place.origen(path, str(folder / "parquet")))
    entorno = Entorno(
        database=database,
        client=partial(KlkClient, ClientOptions(url), asyncio.Semaphore(6)),
        recibo=Recibo(state, name if database.origen.reparto.compartido else ""),
        pendientes=Pendientes(state),
        zona=mundo.zona,
        run_timeout_s=1500,
        host="bench",
        version="0",
        ubicaciones=[t.id for t in tiendas],
        locks=JobLocks(state),
    )
    return Place(name, database, entorno)


def _copy(folder: Path, lake: str) -> None:
    """The file's lines many times over, copied into an empty lake: how long, how large, how quick to read."""
    file, parquet = folder / "klk.db", folder / "copied"
    database = Database(place.origen(str(file), ""))
    asyncio.run(_once(database, _grow))
    database.close()
    began = time.perf_counter()
    copia.copiar(str(file), lake, str(parquet), now=datetime(2025, 11, 17), avance=lambda *_: None)  # noqa: DTZ001
    took = time.perf_counter() - began
    places = [Database(place.origen(str(file), "")), Database(place.origen(lake, str(parquet)))]
    lines = asyncio.run(_once(places[0], lambda con: con.execute("SELECT count(*) FROM ventas_raw").fetchall()))[0][0]
    files = list(parquet.rglob("*.parquet"))
    sizes = [file.stat().st_size, sum(f.stat().st_size for f in files)]
    print(f"\n| {lines} lines, copied in {took:.0f} s ({len(files)} files) | file | lake |\n| --- | ---: | ---: |")
    print(f"| MB | {' | '.join(f'{size / 1e6:.0f}' for size in sizes)} |")
    for name, query in QUERIES.items():
        print(f"| {name}, ms | {' | '.join(asyncio.run(_query(where, query)) for where in places)} |")
    for where in places:
        where.close()


def _grow(con: DuckDBPyConnection) -> None:
    con.execute(
        "INSERT INTO ventas_raw SELECT v.* REPLACE (v.numero_factura || '-' || i AS numero_factura,"
        " v.fecha - CAST(i AS INTEGER) AS fecha, v.fecha_hora_completa - INTERVAL (i) DAY AS fecha_hora_completa)"
        f" FROM ventas_raw AS v, range(1, {TIMES}) AS r(i)"
    )


async def _once(database: Database, run: Callable[[DuckDBPyConnection], Any]) -> Any:
    return (await database.transaction(run)).value


async def _query(database: Database, query: str) -> str:
    def read(con: DuckDBPyConnection) -> float:
        began = time.perf_counter()
        con.execute(query).fetchall()
        return time.perf_counter() - began

    return _ms([(await database.transaction(read, keep=False)).value for _ in range(READINGS)][1:])


async def _files(folder: Path, lake: Database) -> None:
    """Before anything is tended, after the ten-minute look, after the week's work, and once readers are gone."""
    print("\n| the lake | rows in the catalogue | live files | files on disk | MB on disk |")
    print("| --- | ---: | ---: | ---: | ---: |")
    steps: dict[str, Callable[[], object]] = {
        "as written": lambda: None,
        "rows volcadas": partial(cuidado.una_vez, lake, datetime.now(UTC)),
        "a week later": partial(cuidado.una_vez, lake, datetime.now(UTC) + mantenimiento.EVERY * 1.5),
        "two weeks later": partial(cuidado.una_vez, lake, datetime.now(UTC) + mantenimiento.EVERY * 3),
    }
    for name, step in steps.items():
        if asyncio.iscoroutine(work := step()):
            await work
        rows, live = (await lake.transaction(_held, keep=False)).value
        files = list((folder / "parquet").rglob("*.parquet"))
        size = sum(file.stat().st_size for file in files) / 1e6
        print(f"| {name} | {rows} | {live} | {len(files)} | {size:.1f} |")


def _held(con: DuckDBPyConnection) -> tuple[int, int]:
    found = con.execute(f"SELECT table_name FROM {mantenimiento.METADATA}.ducklake_inlined_data_tables").fetchall()
    rows = 0
    for (table,) in found:
        ((count,),) = con.execute(f'SELECT count(*) FROM {mantenimiento.METADATA}."{table}"').fetchall()
        rows += count
    ((files,),) = con.execute("SELECT sum(file_count + delete_file_count) FROM ducklake_table_info('lago')").fetchall()
    return rows, int(files)


def _ms(seconds: list[float]) -> str:
    return f"{median(seconds) * 1000:.0f}"


if __name__ == "__main__":
    main()
