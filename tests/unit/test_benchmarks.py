"""The benchmarks run, whatever they measure: nothing here looks at a time."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from duckdb import DuckDBPyConnection

from benchmarks import draw, history, report
from benchmarks.case import AT_LEAST, Curve, Drawing, Figure
from benchmarks.cases import CASES

ROOT = Path(__file__).parents[2]
TIMES = "\u00d7"
CHEAP = [case for case in CASES if case.cheap]
FIGURE = Figure("warm: wall over the floor", 1.234, TIMES, "61 ms beside 50 ms", 11, 1.25)
DRAWING = Drawing(
    "a.png",
    "Cost",
    "stores",
    "ms",
    [Curve("inventario", [(4, 10.0), (400, 12.0)]), Curve("ventas", [(4, 5.0)])],
    log=True,
)


def test_the_cheap_cases_run(tmp_path: Path) -> None:
    """`--quick` runs a case with its processes, simulator and floor, prints its figures and writes no file."""
    before = (ROOT / "benchmarks" / "RESULTS.md").read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--only", ",".join(case.name for case in CHEAP)],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for case in CHEAP:
        assert case.title in done.stdout
    assert "not measured" not in done.stdout
    assert (ROOT / "benchmarks" / "RESULTS.md").read_bytes() == before
    assert not list(tmp_path.iterdir())


def test_an_unknown_case_is_named() -> None:
    """A slip in `--only` is told, with the names that there are."""
    command = [sys.executable, "-m", "benchmarks", "--only", "vetnas"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "vetnas" in done.stderr
    assert "ventas" in done.stderr


@pytest.mark.parametrize(
    ("figure", "met", "cells"),
    [
        (FIGURE, True, [f"1.23 {TIMES}", f"≤ 1.25 {TIMES}", "yes"]),
        (replace(FIGURE, value=1.26), False, [f"1.26 {TIMES}", "**no**"]),
        (replace(FIGURE, goal=8, sense=AT_LEAST), False, [f"≥ 8 {TIMES}", "**no**"]),
        (replace(FIGURE, value=8.0, goal=8, sense=AT_LEAST), True, [f"8.00 {TIMES}", "yes"]),
        (replace(FIGURE, value=None, beside="dlt is not installed"), None, ["not measured", "dlt is not installed"]),
        (replace(FIGURE, goal=None), None, [f"1.23 {TIMES}"]),
    ],
)
def test_a_figure_is_held_against_its_goal(figure: Figure, met: bool | None, cells: list[str]) -> None:
    """The table says whether a goal is met, and never so of what was not measured."""
    assert figure.met is met
    row = report.table([figure]).splitlines()[-1]
    assert all(cell in row for cell in cells)
    assert ("yes" in row, "**no**" in row) == (met is True, met is False)


def test_the_page_says_where_the_machine_was_not_quiet() -> None:
    """A case that was measured while other programs ran bears a warning; one that was not, none."""
    case = CASES[0]
    loud, quiet = (
        report.document(CASES, {case.name: report.Measured([FIGURE], "2026-01-01 00:00", 60, load)}, {"DuckDB": "1.5"})
        for load in (99.0, 0.0)
    )
    assert "Other programs were running" in loud
    assert "Other programs were running" not in quiet
    assert "1 of 1 goals are met" in quiet
    assert "- DuckDB: 1.5" in quiet


def test_a_drawing_is_whole() -> None:
    """Each curve is there with its name, each quantity at its axis, and nothing lies outside the paper."""
    root = ET.fromstring(draw.svg(DRAWING))
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Cost", "stores", "ms", "4", "400", "inventario", "ventas"} <= set(texts)
    dots = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in root.iter("{http://www.w3.org/2000/svg}circle")]
    assert len(dots) == 3
    assert all(0 < x < draw.WIDTH and 0 < y < draw.HEIGHT for x, y in dots)


def test_a_drawing_becomes_a_picture(tmp_path: Path) -> None:
    """Chromium makes a PNG of it."""
    if not any(map(shutil.which, draw.BROWSERS)):
        assert not os.environ.get("KLK_TEST_FULL"), "Chromium is missing"
        pytest.skip("Chromium is missing")
    draw.png(DRAWING, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("text", [False, True])
def test_the_history_fits_the_table(con: DuckDBPyConnection, text: bool) -> None:
    """The lines that stand for years fill a table of either kind: each once, in the order of their dates."""
    if text:
        history.text_types(con)
    history.fill(con, 0, 3, lines=500)
    keys, lines, days = con.execute(
        "SELECT count(DISTINCT (ubicacion_id, numero_factura, linea)), count(*), count(DISTINCT fecha) FROM ventas_raw"
    ).fetchall()[0]
    assert (keys, lines, days) == (1500, 1500, 3)
    dates = [row[0] for row in con.execute("SELECT CAST(fecha_carga AS DATE) FROM ventas_raw").fetchall()]
    assert dates == sorted(dates)
