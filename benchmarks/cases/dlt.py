"""The same stock by dlt, the best-known loader, in an environment of its own."""

from importlib.metadata import distributions
from pathlib import Path
from statistics import median

from benchmarks.case import AT_LEAST, Bench, Case, Figure, Finding, ms
from benchmarks.process import ROOT, in_turns, middle, ratio
from benchmarks.scene import ARTICULOS, scene

ROUNDS = 5
FASTER, LESS = 11, 12
VENV = ROOT / ".venv-dlt"
PYTHON = VENV / "bin" / "python"
LOAD = Path(__file__).parent.parent / "peers" / "dlt" / "load.py"


def measure(bench: Bench) -> Finding:
    """Whole processes, in turns; a missing peer is named."""
    if not PYTHON.exists():
        why = "dlt is not installed: `make .venv-dlt/.done`"
        return Finding(
            [
                Figure("dlt's wall over ours", None, "×", why, 0, FASTER, AT_LEAST),
                Figure("dlt's peak memory over ours", None, "×", why, 0, LESS, AT_LEAST),
            ]
        )
    rounds = bench.rounds(ROUNDS)
    with scene(bench.folder, articulos=bench.size(ARTICULOS, 100)) as stage:
        ours, theirs = in_turns(
            rounds,
            lambda: stage.program("trigger", "inventario"),
            lambda: stage.script(LOAD, "stock.db", *stage.almacenes, python=str(PYTHON)),
        )
    us, them = middle(ours), middle(theirs)
    return Finding(
        [
            Figure(
                f"dlt {_version()}: wall over ours",
                ratio([s.wall_s for s in theirs], [s.wall_s for s in ours]),
                "×",
                f"{ms(them.wall_s)} beside {ms(us.wall_s)}",
                rounds,
                FASTER,
                AT_LEAST,
            ),
            Figure(
                "its peak memory over ours",
                median(t.rss_mb / o.rss_mb for t, o in zip(theirs, ours, strict=True)),
                "×",
                f"{them.rss_mb:.0f} MB beside {us.rss_mb:.0f} MB",
                rounds,
                LESS,
                AT_LEAST,
            ),
        ]
    )


def _version() -> str:
    path = [str(packages) for packages in VENV.glob("lib/python*/site-packages")]
    return next((d.version for d in distributions(name="dlt", path=path)), "")


CASE = Case(
    "dlt",
    "Stock of four stores, beside dlt",
    "`trigger inventario` on a new database beside [dlt](peers/dlt/load.py) with its REST source and a merge into"
    " DuckDB: the same answers, whole processes; memory is the most that either's largest process held.",
    measure,
)
