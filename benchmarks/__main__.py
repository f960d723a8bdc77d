"""`make bench`: measures, prints a table, and writes it to `benchmarks/RESULTS.md`, with drawings in `docs/`.

No test asks for these times: they are the machine's as much as the program's. This process imports little, because
the most memory that the system reports of a child is never less than what its parent held.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import draw, machine, report
from benchmarks.case import Bench, Case, Drawing, Figure
from benchmarks.cases import CASES
from benchmarks.process import ROOT
from benchmarks.report import Measured

RESULTS = ROOT / "benchmarks" / "RESULTS.md"
KEPT = ROOT / "benchmarks" / "results.json"
DOCS = ROOT / "docs"


def main() -> None:
    """Measures each case once through."""
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(prog="make bench", description="Measures klk-daemon beside the floor and a peer.")
    parser.add_argument(
        "--only", metavar="CASE,CASE", help=f"some of: {', '.join(names)}; the others keep their figures"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, one round, and no file is written")
    options = parser.parse_args()
    wanted = options.only.split(",") if options.only else names
    if unknown := set(wanted) - set(names):
        parser.error(f"--only {', '.join(sorted(unknown))}: there are {', '.join(names)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # simulators end and folders go, as after Ctrl-C
    warn()
    for case in CASES:
        if case.name in wanted:
            one, drawings = measure(case, quick=options.quick)
            print(f"\n{case.title} ({case.name}, {one.took_s:.0f} s)\n{report.table(one.figures)}", flush=True)
            if not options.quick:
                keep(case, one, drawings)
    if not options.quick:
        print(f"\nwritten to {RESULTS}")


def warn() -> None:
    """Says that the machine is not quiet, where it is not."""
    if (busy := machine.load()) > report.QUIET * (os.cpu_count() or 1):
        print(f"the load average is {busy:.1f}: other programs are running, times will say little", file=sys.stderr)


def measure(case: Case, *, quick: bool) -> tuple[Measured, Sequence[Drawing]]:
    """One case, in a folder that is removed afterwards (`TMPDIR` says where)."""
    when, load, began = f"{datetime.now(UTC):%Y-%m-%d %H:%M}", machine.load(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="klk-bench-") as folder:
        finding = case.measure(Bench(Path(folder), quick=quick))
    return Measured(finding.figures, when, time.monotonic() - began, load), finding.drawings


def keep(case: Case, one: Measured, drawings: Sequence[Drawing]) -> None:
    """Writes a case's figures beside those of the others; the page and its drawings are always whole."""
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    here = machine.machine()
    if kept.get("machine") != here:  # another machine's or another version's figures are no company for these
        kept = {"machine": here, "cases": {}}
    kept["cases"][case.name] = asdict(one)
    KEPT.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    measured = {
        name: Measured(**{**found, "figures": [Figure(**figure) for figure in found["figures"]]})
        for name, found in kept["cases"].items()
    }
    RESULTS.write_text(report.document(CASES, measured, here), encoding="utf-8")
    for drawing in drawings:
        try:
            draw.png(drawing, DOCS / drawing.file)
        except FileNotFoundError as e:
            print(f"{drawing.file} was not drawn: {e}", file=sys.stderr)


if __name__ == "__main__":
    main()
