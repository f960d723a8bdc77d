"""The stock of four stores beside the floor: as a command, and in a process that lives on."""

from pathlib import Path

from benchmarks.case import Bench, Case, Figure, Finding, cpu_over, over, samples
from benchmarks.process import Sample, in_turns, inside, middle
from benchmarks.scene import ARTICULOS, HALF_AN_HOUR, scene

FLOOR = Path(__file__).parent.parent / "floor.py"
ROUNDS = 11
COLD, WARM = 2.0, 1.25


def measure(bench: Bench) -> Finding:
    """As commands, then warm."""
    rounds, articulos = bench.rounds(ROUNDS), bench.size(ARTICULOS, 100)
    with scene(bench.folder, articulos=articulos) as stage:
        filled = stage.fresh()
        stage.program("trigger", "inventario", folder=filled)

        def later() -> Sample:
            stage.move(HALF_AN_HOUR)
            stage.prepare()
            return stage.program("trigger", "inventario", folder=filled)

        floor, cold, again = in_turns(
            rounds,
            lambda: stage.script(FLOOR, "floor.db", *stage.almacenes),
            lambda: stage.program("trigger", "inventario"),
            later,
        )
        work, first, repeated = samples(
            inside("inventario", url=stage.url, folder=str(bench.folder), rounds=rounds),
        )
    return Finding(
        [
            over("`trigger inventario`, new database: wall over the floor", cold, floor, goal=COLD),
            cpu_over("`trigger inventario`, new database: CPU over the floor", cold, floor, goal=COLD),
            over("half an hour later: wall over the floor", again, floor),
            Figure("new database: peak memory", middle(cold).rss_mb, "MB", _beside(floor), rounds),
            over("warm, half an hour later: wall over the floor's work", repeated, work, goal=WARM),
            cpu_over("warm, half an hour later: CPU over the floor's work", repeated, work),
            over("warm, new database: wall over the floor's work", first, work, goal=WARM),
        ]
    )


def _beside(floor: list[Sample]) -> str:
    return f"the floor {middle(floor).rss_mb:.0f} MB"


CASE = Case(
    "inventario",
    "Stock of four stores",
    "Five warehouses, no latency, beside the floor ([floor.py](floor.py): the same answers into a fresh database with"
    " the standard library and DuckDB alone, unchecked). *Warm* is a process that lives on, as the daemon does, beside"
    " the floor's work without its start; in half an hour about one row in eleven changes.",
    measure,
)
