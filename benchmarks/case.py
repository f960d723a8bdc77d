"""What a case is, and what it finds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.process import Sample, middle, ratio

AT_MOST, AT_LEAST = "≤", "≥"


@dataclass(frozen=True, slots=True)
class Bench:
    """How to measure.

    Attributes:
        folder: for everything that is made; removed at the end.
        quick: small sizes and one round: shows that it works, and nothing else.
    """

    folder: Path
    quick: bool

    def rounds(self, wanted: int) -> int:
        """So many rounds, or one."""
        return 1 if self.quick else wanted

    def size(self, wanted: int, small: int) -> int:
        """How large to make something."""
        return small if self.quick else wanted


@dataclass(frozen=True, slots=True)
class Figure:
    """One number: a line of the table.

    Attributes:
        what: of what.
        value: how much; None where it could not be measured, and `beside` says why.
        unit: of what unit, `×` for a ratio.
        beside: what it was made of.
        samples: the median of how many.
        goal: what it should be at most (or at least: `sense`), if that is said.
    """

    what: str
    value: float | None
    unit: str
    beside: str = ""
    samples: int = 1
    goal: float | None = None
    sense: str = AT_MOST

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none, or no value."""
        if self.goal is None or self.value is None:
            return None
        return self.value <= self.goal if self.sense == AT_MOST else self.value >= self.goal


@dataclass(frozen=True, slots=True)
class Curve:
    """A line of a drawing: its name, and its points."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing for `docs/`: curves over a quantity. `log`: the quantity's axis has a logarithmic scale."""

    file: str
    title: str
    x: str
    y: str
    curves: Sequence[Curve]
    log: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What a case found."""

    figures: Sequence[Figure]
    drawings: Sequence[Drawing] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Case:
    """A thing to measure.

    Attributes:
        name: for `--only`.
        title: for people.
        how: what is done and compared, in a sentence or two.
        measure: does it.
        cheap: whether `--quick` takes a second or two, so that a test can afford it.
    """

    name: str
    title: str
    how: str
    measure: Callable[[Bench], Finding]
    cheap: bool = False


def over(what: str, program: Sequence[Sample], base: Sequence[Sample], **goal: Any) -> Figure:
    """Wall clock over another's, the median of the rounds' ratios."""
    a, b = middle(program).wall_s, middle(base).wall_s
    value = ratio([s.wall_s for s in program], [s.wall_s for s in base])
    return Figure(what, value, "×", f"{ms(a)} beside {ms(b)}", len(program), **goal)


def cpu_over(what: str, program: Sequence[Sample], base: Sequence[Sample], **goal: Any) -> Figure:
    """Processor time over another's, the median of the rounds' ratios."""
    a, b = middle(program).cpu_s, middle(base).cpu_s
    value = ratio([s.cpu_s for s in program], [s.cpu_s for s in base])
    return Figure(what, value, "×", f"{ms(a)} beside {ms(b)}", len(program), **goal)


def ms(seconds: float) -> str:
    """Seconds for people."""
    return f"{seconds:.2f} s" if seconds >= 10 else f"{seconds * 1000:.0f} ms"


def samples(found: Sequence[Sequence[Sequence[float]]]) -> list[list[Sample]]:
    """What a process told of its samples (`Sample` as a list of its fields)."""
    return [[Sample(*one) for one in task] for task in found]
