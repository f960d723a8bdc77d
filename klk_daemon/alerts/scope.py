"""One store, or all of them: how far a fault reaches decides where it lies, and that it is told once."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from klk_daemon.alerts.causa import Abierta, Causa, Familia, Lugar
from klk_daemon.domain import Job


@dataclass(frozen=True, slots=True)
class Parte:
    """A store's part of a fault: since when (UTC), in which jobs, and what it says."""

    tienda: str
    desde: datetime
    jobs: tuple[Job, ...]
    detalle: str


def everywhere(hit: int, stores: int, *, was: bool) -> bool:
    """Whether a fault that `hit` so many stores is one of all of them.

    More than half is: so many do not break at once by themselves. One that `was` everywhere stays so until it is down
    to a single store: it heals store by store, and that is no news each time.
    """
    return hit > 0 and (hit == stores or (hit > 1 and (was or 2 * hit > stores)))


def was_everywhere(clave: str, abiertas: Iterable[Abierta]) -> bool:
    """Whether a cause of this key is open."""
    return any(a.causa.clave == clave for a in abiertas)


def by_store(
    familia: Familia, partes: Sequence[Parte], tiendas: Collection[str], abiertas: Iterable[Abierta]
) -> list[Causa]:
    """One cause where the fault is everywhere, else one for each store."""
    if everywhere(len(partes), len(tiendas), was=was_everywhere(familia, abiertas)):
        lugar = Lugar.KLK if len(tiendas) > 1 else Lugar.TIENDA
        return [join(str(familia), familia, lugar, partes, len(tiendas))]
    return [join(f"{familia}:{p.tienda}", familia, Lugar.TIENDA, [p], len(tiendas)) for p in partes]


def join(clave: str, familia: Familia, lugar: Lugar, partes: Sequence[Parte], activas: int) -> Causa:
    """One cause of the stores' parts."""
    return Causa(
        clave,
        familia,
        lugar,
        min(p.desde for p in partes),
        tuple(job for job in Job if any(job in p.jobs for p in partes)),
        tuple(sorted({p.tienda for p in partes})),
        activas,
        partes[0].detalle,
        tuple(sorted((p.tienda, p.desde) for p in partes)),
    )
