"""The fault that people are told of: one record each, however much fails because of it."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum

from klk_daemon.domain import Job


class Lugar(StrEnum):
    """Where a fault lies."""

    MAQUINA = "esta máquina"
    RED = "la red"
    KLK = "KLK"
    TIENDA = "una tienda"
    BASE = "la base de datos"


class Familia(StrEnum):
    """The kinds of fault. The value is the `tipo` of the metric and of the log lines."""

    KLK = "klk"  # most stores fail
    TIENDA = "tienda"  # one store fails, the others do not
    SNAPSHOT = "snapshot"  # an answer so short that it was refused
    BASE_OCUPADA = "bd_ocupada"  # another program holds the database
    BASE_FALLA = "bd_error"  # it cannot be opened or written
    CORTADA = "interrumpido"  # runs are cut off before their end
    ATRASO = "atraso"  # nothing fails, and nothing succeeds either
    SILENCIO = "silencio"  # a store without sales when it normally sells
    RECHAZOS = "rechazos"  # rows put aside
    SOLAPE = "overlap"  # lines arrive later than the overlap reaches
    DISCO = "disco"


@dataclass(frozen=True, slots=True)
class Causa:
    """A fault that holds.

    Attributes:
        clave: what makes it the same fault tomorrow; one message while it lasts.
        familia: what kind it is.
        lugar: where it lies.
        desde: since when, UTC.
        jobs: which jobs it touches.
        tiendas: the ids of the stores that it touches, sorted.
        activas: how many stores there are.
        detalle: what the program that met it says, for the engineer.
        por_tienda: store to since when.
    """

    clave: str
    familia: Familia
    lugar: Lugar
    desde: datetime
    jobs: tuple[Job, ...] = ()
    tiendas: tuple[str, ...] = ()
    activas: int = 0
    detalle: str = ""
    por_tienda: tuple[tuple[str, datetime], ...] = ()

    def dump(self) -> str:
        """As text that `load` reads."""
        return json.dumps(asdict(self), ensure_ascii=False, default=datetime.isoformat)

    @classmethod
    def load(cls, text: str) -> "Causa":
        """What `dump` wrote."""
        data = json.loads(text)
        return cls(
            **{
                **data,
                "familia": Familia(data["familia"]),
                "lugar": Lugar(data["lugar"]),
                "desde": datetime.fromisoformat(data["desde"]),
                "jobs": tuple(Job(job) for job in data["jobs"]),
                "tiendas": tuple(data["tiendas"]),
                "por_tienda": tuple((id_, datetime.fromisoformat(at)) for id_, at in data["por_tienda"]),
            }
        )

    def grown(self, now: "Causa") -> "Causa":
        """As it is `now`, with what it touched before, and since when people were told."""
        return replace(
            now,
            desde=min(self.desde, now.desde),
            jobs=tuple(job for job in Job if job in {*self.jobs, *now.jobs}),
            tiendas=tuple(sorted({*self.tiendas, *now.tiendas})),
            por_tienda=tuple(sorted((dict(now.por_tienda) | dict(self.por_tienda)).items())),
        )


@dataclass(frozen=True, slots=True)
class Abierta:
    """A cause that was told of, or is about to be; `abierta` (UTC) is when it was first seen."""

    causa: Causa
    abierta: datetime


# A fault that is not seen any more because a greater one hides it has not ended.
_SUMMED_UP: dict[Familia, frozenset[Familia]] = {
    Familia.KLK: frozenset({Familia.BASE_OCUPADA, Familia.BASE_FALLA, Familia.DISCO, Familia.CORTADA}),
    Familia.BASE_FALLA: frozenset({Familia.DISCO, Familia.BASE_OCUPADA}),
    Familia.BASE_OCUPADA: frozenset({Familia.BASE_FALLA, Familia.DISCO}),
    **dict.fromkeys(
        (Familia.TIENDA, Familia.SNAPSHOT, Familia.CORTADA, Familia.ATRASO),
        frozenset(
            {
                Familia.KLK,
                Familia.TIENDA,
                Familia.BASE_OCUPADA,
                Familia.BASE_FALLA,
                Familia.DISCO,
                Familia.CORTADA,
                Familia.SNAPSHOT,
            }
        ),
    ),
}


def absorbed(causa: Causa, others: Iterable[Causa]) -> bool:
    """Whether one of the causes that hold now is what became of `causa`: then it has not ended, it has grown.

    So it is where the same kind of fault holds for more stores, and where a fault that is met earlier in a run hides
    this one from sight.
    """
    return any(
        other.clave != causa.clave
        and set(causa.tiendas) <= set(other.tiendas)
        and (other.familia is causa.familia or other.familia in _SUMMED_UP.get(causa.familia, ()))
        for other in others
    )
