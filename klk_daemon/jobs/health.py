"""When something is stale, and what has not been read. Pure: what the database told, and the time, go in."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from klk_daemon.domain import Intervalo, Job
from klk_daemon.warehouse.queries import EstadoTienda
from klk_daemon.windows import huecos

CONCILIACION_LIMIT = timedelta(hours=26)


@dataclass(frozen=True, slots=True)
class Atraso:
    """A store's job whose last success is too long ago. `exito` is naive local time; None where there was none."""

    tienda: str
    job: Job
    exito: datetime | None


def atrasos(
    estados: Mapping[str, EstadoTienda], *, reloj: datetime, limit: timedelta, pausados: Collection[Job] = ()
) -> list[Atraso]:
    """What is stale (contract, "What a run guarantees"): the age of a job's last success for a store.

    Args:
        estados: store to what the database holds of it; active stores alone.
        reloj: now, naive local time.
        limit: for `inventario` and `ventas`; `conciliacion` has 26 hours, from a store's first run on.
        pausados: jobs that are exempt.
    """
    found = []
    for tienda, estado in estados.items():
        for job in Job:
            corrida = estado.corridas.get(job)
            exito = corrida.exito if corrida else None
            since, allowed = exito, limit
            if job is Job.CONCILIACION:
                since, allowed = exito or estado.primera or reloj, CONCILIACION_LIMIT
            if job not in pausados and (since is None or reloj - since > allowed):
                found.append(Atraso(tienda, job, exito))
    return found


def sin_leer(
    cobertura: Sequence[Intervalo], *, now: datetime, next_ventas: Callable[[datetime], datetime | None]
) -> list[Intervalo]:
    """The gaps in a store's sales, oldest first.

    The time since the last reading is one only once a run was due in it: until then nothing is missing.

    Args:
        cobertura: what was read.
        now: UTC.
        next_ventas: the first time after an instant at which `ventas` is due.
    """
    encontrados = huecos(cobertura, now)
    if encontrados and encontrados[-1].hasta == now:
        due = next_ventas(encontrados[-1].desde)
        if due is None or due > now:
            return encontrados[:-1]
    return encontrados
