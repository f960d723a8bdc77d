"""Sales into a table of many years: how long the database is held, and how long the run takes."""

import shutil
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.case import Bench, Case, Curve, Drawing, Figure, Finding, ms
from benchmarks.process import inside, ratio
from benchmarks.scene import scene

ROUNDS = 18  # every third moves the log into the file: fewer would make the median a matter of luck
HELD_MS, HELD_RATIO, RUN_RATIO = 150, 1.5, 1.2
FORTNIGHTS = (7, 14, 27, 53)  # of 19 stores: 5, 11, 21 and 41 million lines
LINES_A_DAY = 1040  # 120 or so in the 90 minutes that a run reads
KINDS = {"new": "typed", "legacy": "text"}
# What a line takes in the file, and as much again for the log of what is not yet there.
BYTES_A_LINE = 2 * 150


def measure(bench: Bench) -> Finding:
    """Both kinds of table, one after the other; the files are removed."""
    figures: list[Figure] = []
    held, whole = [], []
    for kind, types in KINDS.items():
        with scene(bench.folder, tiendas=19, articulos=500, lineas_por_dia=LINES_A_DAY) as stage:
            found = inside(
                "history",
                url=stage.url,
                folder=str(bench.folder),
                rounds=bench.rounds(ROUNDS),
                text=types == "text",
                fortnights=[1] if bench.quick else fitting(bench.folder),
            )
        figures += _figures(kind, found)
        held.append(Curve(f"{kind}: database held", _points(found, "held")))
        whole.append(Curve(f"{kind}: whole run", _points(found, "wall")))
    drawing = Drawing(
        "performance-history.png",
        "A run of ventas, as the table grows",
        "million lines in ventas_raw",
        "ms",
        [*whole, *held],
    )
    return Finding(figures, [drawing])


def fitting(folder: Path) -> list[int]:
    """The sizes for which this disk has room, in fortnights."""
    from benchmarks import history

    free = shutil.disk_usage(folder).free
    return [n for n in FORTNIGHTS if n * history.FORTNIGHT * BYTES_A_LINE < free]


def _figures(kind: str, found: Any) -> list[Figure]:
    last, many = found["sizes"][-1], found["nineteen"]
    rounds = len(last["held"])
    lines = f"{last['lines'] / 1e6:.0f} M lines, {found['file_mb'] / 1000:.1f} GB, {kind} types"
    held, empty = median(last["held"]), median(last["held_empty"])
    wall, wall_empty = median(last["wall"]), median(last["wall_empty"])
    return [
        Figure(f"{lines}: database held in a run", held * 1000, "ms", "4 stores", rounds, HELD_MS),
        Figure(
            f"{lines}: held, over an empty table",
            ratio(last["held"], last["held_empty"]),
            "×",
            f"{ms(held)} beside {ms(empty)}",
            rounds,
            HELD_RATIO,
        ),
        Figure(
            f"{lines}: whole run, over an empty table",
            ratio(last["wall"], last["wall_empty"]),
            "×",
            f"{ms(wall)} beside {ms(wall_empty)}",
            rounds,
            RUN_RATIO,
        ),
        Figure(f"{lines}: held in a run of 19 stores", median(many["held"]) * 1000, "ms", "", rounds),
    ]


def _points(found: Any, what: str) -> list[tuple[float, float]]:
    first = found["sizes"][0]
    return [
        (0.0, median(first[f"{what}_empty"]) * 1000),
        *((size["lines"] / 1e6, median(size[what]) * 1000) for size in found["sizes"]),
    ]


CASE = Case(
    "history",
    "Sales into a long history",
    "Warm, four stores, half hour by half hour, on a table of 19 stores and two years and on an empty one, in turns."
    " *Held* is from the call that opens the file to the end of its closing. *Legacy*: all text, as the old loader"
    " left them. The lines are made by DuckDB ([history.py](history.py)), in the order in which a loader writes them.",
    measure,
)
