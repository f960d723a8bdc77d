"""How long the server takes before it answers."""

from dataclasses import dataclass
from random import Random

_LONGEST_S = 3600.0


@dataclass(frozen=True, slots=True)
class Latencia:
    """Seconds before an answer begins.

    Attributes:
        base: always.
        jitter: up to so much more, evenly drawn.
        por_dia: for every day that a request for sales spans (klk-api.md, trap 7).
        carga: share that every other request under way adds to the sum (trap 10: one machine for all).

    Raises:
        ValueError: a negative value.
    """

    base: float = 0.0
    jitter: float = 0.0
    por_dia: float = 0.0
    carga: float = 0.0

    def __post_init__(self) -> None:
        for value in (self.base, self.jitter, self.por_dia, self.carga):
            if not 0 <= value <= _LONGEST_S:
                raise ValueError(f"latencies are between 0 and {_LONGEST_S:.0f} s: {value}")

    def seconds(self, rng: Random, *, dias: int, others: int) -> float:
        """The wait of one request that spans `dias` while `others` are under way."""
        alone = self.base + self.jitter * rng.random() + self.por_dia * dias
        return min(_LONGEST_S, alone * (1 + self.carga * others))
