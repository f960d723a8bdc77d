"""What is measured: a case a file, in the order of the page."""

from benchmarks.case import Case
from benchmarks.cases import (
    catchup,
    conciliacion,
    dlt,
    history,
    idle,
    inventario,
    latency,
    scale,
    served,
    stores,
    terminal,
    ventas,
    week,
)

CASES: tuple[Case, ...] = (
    inventario.CASE,
    dlt.CASE,
    latency.CASE,
    ventas.CASE,
    history.CASE,
    stores.CASE,
    scale.CASE,
    idle.CASE,
    week.CASE,
    terminal.CASE,
    catchup.CASE,
    conciliacion.CASE,
    served.CASE,
)
