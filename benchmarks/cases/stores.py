"""Two hundred stores, as commands."""

from pathlib import Path
from statistics import median

from benchmarks.case import Bench, Case, Figure, Finding
from benchmarks.process import Sample, in_turns, middle
from benchmarks.scene import ARTICULOS, Scene, scene

ROUNDS = 5
STORES = 200
STOCK_S, SALES_S, PEAK_MB = 45, 5, 300
LINES_A_DAY = 350  # some 120 of them by half past twelve, the first that is read of a day


def measure(bench: Bench) -> Finding:
    """Stock into a new database, then the day's sales so far."""
    rounds, stores = bench.rounds(ROUNDS), bench.size(STORES, 6)
    articulos = bench.size(ARTICULOS, 50)
    with scene(bench.folder, tiendas=stores, articulos=articulos, lineas_por_dia=LINES_A_DAY) as stage:
        stage.prepare(sales=1)
        folders: list[Path] = []
        stock, sales = in_turns(rounds, lambda: _stock(stage, folders), lambda: _sales(stage, folders))
    peak = [max(a.rss_mb, b.rss_mb) for a, b in zip(stock, sales, strict=True)]
    cpu = f"{middle(stock).cpu_s:.1f} s of processor, {len(stage.almacenes)} warehouses"
    return Finding(
        [
            Figure(f"{stores} stores × {articulos:,} articles", middle(stock).wall_s, "s", cpu, rounds, STOCK_S),
            Figure(
                f"{stores} stores × 120 lines",
                middle(sales).wall_s,
                "s",
                f"{middle(sales).cpu_s:.1f} s of processor",
                rounds,
                SALES_S,
            ),
            Figure("peak memory of either", median(peak), "MB", "", rounds, PEAK_MB),
        ]
    )


def _stock(stage: Scene, folders: list[Path]) -> Sample:
    folders.append(stage.fresh())
    return stage.program("trigger", "inventario", folder=folders[-1])


def _sales(stage: Scene, folders: list[Path]) -> Sample:
    return stage.program("trigger", "ventas", folder=folders[-1])


CASE = Case(
    "stores",
    "Two hundred stores",
    "`trigger inventario` on a new database, then `trigger ventas`, whole processes; the simulator, which has its"
    " answers ready, runs on the same processors.",
    measure,
)
