"""Progress on a terminal, on stderr. Rich is loaded only where it is shown."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from klk_daemon.domain import ResultadoTienda


@contextmanager
def stores(job: str, total: int) -> Iterator[Callable[[ResultadoTienda], None]]:
    """A bar over a run's stores; yields the listener that moves it."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(job, total=total)

        def done(parte: ResultadoTienda) -> None:
            progress.update(bar, advance=1, description=f"{job} {parte.tienda.id} {parte.estado}")

        yield done
