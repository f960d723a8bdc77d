"""Curves as SVG, and that as PNG by a headless Chromium, which the project's browser tests need anyway."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10
from pathlib import Path

from benchmarks.case import Drawing

WIDTH, HEIGHT = 920, 480
LEFT, RIGHT, TOP, BOTTOM = 76, 250, 64, 62
INK, FAINT, PAPER = "#1f2430", "#e3e6ec", "#ffffff"
# Told apart by most eyes, colour-blind ones too (Okabe and Ito).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FONT = "font-family='DejaVu Sans, Verdana, sans-serif'"


def png(drawing: Drawing, path: Path) -> None:
    """Writes a drawing.

    Raises:
        FileNotFoundError: there is no Chromium.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise FileNotFoundError("drawings need Chromium (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory(prefix="klk-bench-") as folder:
        page = Path(folder, "drawing.html")
        page.write_text(f"<body style='margin:0'>{svg(drawing)}</body>", encoding="utf-8")
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--force-device-scale-factor=2", f"--user-data-dir={folder}/profile", f"--window-size={WIDTH},{HEIGHT}",
            f"--screenshot={path}", page.as_uri(),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=120)


def svg(drawing: Drawing) -> str:
    """A drawing as SVG."""
    xs = [x for curve in drawing.curves for x, _ in curve.points]
    ys = [y for curve in drawing.curves for _, y in curve.points]
    x_ticks = _counted(xs) if drawing.log else _round(min(0.0, *xs), max(xs))
    y_ticks = _round(0.0, max(ys))
    across = _Scale(x_ticks[0], max(x_ticks[-1], *xs), LEFT, WIDTH - RIGHT, log=drawing.log)
    up = _Scale(0.0, y_ticks[-1], HEIGHT - BOTTOM, TOP)
    grid = [
        f"<line x1='{LEFT}' x2='{WIDTH - RIGHT}' y1='{up(y):.1f}' y2='{up(y):.1f}' stroke='{INK if not y else FAINT}'/>"
        f"<text x='{LEFT - 10}' y='{up(y) + 4:.1f}' text-anchor='end'>{y:,g}</text>"
        for y in y_ticks
    ] + [
        f"<text x='{across(x):.1f}' y='{HEIGHT - BOTTOM + 22}' text-anchor='middle'>{x:,g}</text>" for x in x_ticks
    ]  # fmt: skip
    lines = [
        _curve([(across(x), up(y)) for x, y in curve.points], COLOURS[n % len(COLOURS)])
        for n, curve in enumerate(drawing.curves)
    ]
    return f"""\
<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{HEIGHT}' {FONT} font-size='13' fill='{INK}'>
<rect width='100%' height='100%' fill='{PAPER}'/>
<text x='{LEFT}' y='30' font-size='18' font-weight='bold'>{escape(drawing.title)}</text>
<text x='{LEFT}' y='52'>{escape(drawing.y)}</text>
{"".join(grid)}
<text x='{(LEFT + WIDTH - RIGHT) / 2}' y='{HEIGHT - 14}' text-anchor='middle'>{escape(drawing.x)}</text>
{"".join(lines)}
{_names(drawing, [up(curve.points[-1][1]) for curve in drawing.curves])}
</svg>"""


class _Scale:
    """A quantity as a place on the paper."""

    def __init__(self, low: float, high: float, begin: float, end: float, *, log: bool = False) -> None:
        self._of = log10 if log else float
        self._low, self._span = self._of(low), self._of(high) - self._of(low) or 1.0
        self._begin, self._length = begin, end - begin

    def __call__(self, value: float) -> float:
        return self._begin + (self._of(value) - self._low) / self._span * self._length


def _curve(points: Sequence[tuple[float, float]], colour: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3.5' fill='{colour}'/>" for x, y in points)
    few = len(points) < 20
    return f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2'/>{dots if few else ''}"


def _names(drawing: Drawing, ends: Sequence[float]) -> str:
    """Each curve's name beside its end, moved so that none lies on another."""
    written, last = [], float("-inf")
    for n in sorted(range(len(ends)), key=lambda n: ends[n]):
        y = last = max(ends[n], last + 19)
        colour = COLOURS[n % len(COLOURS)]
        written.append(
            f"<text x='{WIDTH - RIGHT + 14}' y='{y + 4:.1f}' fill='{colour}'>{escape(drawing.curves[n].name)}</text>"
        )
    return "".join(written)


def _round(low: float, high: float) -> list[float]:
    """Ticks at round numbers, from `low` (or below) to `high` (or above)."""
    span = (high - low) or 1.0
    step = next(
        s
        for e in (floor(log10(span)) - 1, floor(log10(span)))
        for s in (10.0**e, 2 * 10.0**e, 5 * 10.0**e)
        if span / s <= 7
    )
    return [round(n * step, 10) for n in range(floor(low / step), ceil(high / step) + 1)]


def _counted(values: Sequence[float]) -> list[float]:
    """The quantities themselves: on a logarithmic scale there are few of them."""
    return sorted(set(values))
