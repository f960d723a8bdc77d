"""What a store costs, as stores grow in number."""

from statistics import median

from benchmarks.case import Bench, Case, Curve, Drawing, Figure, Finding, samples
from benchmarks.process import inside
from benchmarks.scene import scene

ROUNDS = 5
SIZES = (4, 19, 50, 100, 200, 400)
JOBS = ("inventario", "ventas")
ARTICULOS = 1000
LINES_A_DAY = 350  # some 120 of them by half past twelve
GOAL = 1.3
FLAT = (("wall", "wall_s"), ("CPU", "cpu_s"))


def measure(bench: Bench) -> Finding:
    """All sizes, in turns."""
    sizes = [4, 8] if bench.quick else SIZES
    rounds, articulos = bench.rounds(ROUNDS), bench.size(ARTICULOS, 20)
    with scene(bench.folder, tiendas=sizes[-1], articulos=articulos, lineas_por_dia=LINES_A_DAY) as stage:
        stage.prepare(sales=1)
        found = samples(inside("scale", url=stage.url, folder=str(bench.folder), rounds=rounds, sizes=list(sizes)))
    figures, curves = [], []
    for n, job in enumerate(JOBS):
        tasks = found[n :: len(JOBS)]
        for name, field in FLAT:
            cost = [[getattr(s, field) / size for s in task] for size, task in zip(sizes, tasks, strict=True)]
            middles = [median(each) * 1000 for each in cost]
            curves.append(Curve(f"{job}: {name}", list(zip(map(float, sizes), middles, strict=True))))
            growth = [max(each[1:]) / each[0] for each in zip(*cost, strict=True)]
            beside = ", ".join(f"{size}: {middle:.1f}" for size, middle in zip(sizes, middles, strict=True))
            goal = GOAL if name == "wall" else None
            figures.append(
                Figure(f"`{job}`: most {name} a store, over that of {sizes[0]}", median(growth), "×",
                       f"ms a store, {beside}", rounds, goal)
            )  # fmt: skip
    drawing = Drawing(
        "performance-stores.png",
        "What one store costs, as stores grow in number",
        "stores",
        "ms a store",
        curves,
        log=True,
    )
    return Finding(figures, [drawing])


CASE = Case(
    "scale",
    "From 4 to 400 stores",
    f"Warm, a new database for every size: {ARTICULOS:,} articles a warehouse, then 120 lines a store. What grows"
    " faster than the number of stores would show as a rising cost of one store.",
    measure,
)
