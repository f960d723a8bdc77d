"""Progress on a terminal, on stderr. Rich is loaded only where it is shown."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


@contextmanager
def bar(job: str, stores: int) -> Iterator[Callable[[str, str], None]]:
    """A bar over a run's stores; yields what moves it, to be called with a store's id and outcome."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(job, total=stores)

        def done(tienda: str, estado: str) -> None:
            progress.update(task, advance=1, description=f"{job} {tienda} {estado}")

        yield done


@contextmanager
def steps(what: str) -> Iterator[Callable[[str], None]]:
    """A line for steps of unknown length: the one under way, and the time since the first; yields what to call."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda step: progress.update(task, description=step, refresh=True)


@contextmanager
def parts() -> Iterator[Callable[[str, int, int], None]]:
    """A bar over a table's rows; yields what moves it, to be called with the table, its rows so far and in all."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("copy")
        yield lambda table, rows, total: progress.update(task, description=table, completed=rows, total=total)
