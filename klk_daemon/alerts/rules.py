"""What holds: facts and the time in, causes out; one cause for one fault. Pure.

Facts may be unknown: while another program holds the database nothing can be read from it. What is unknown neither
begins nor ends anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from klk_daemon.alerts import failures
from klk_daemon.alerts.causa import Abierta, Causa, Familia, Lugar
from klk_daemon.alerts.scope import Parte, by_store
from klk_daemon.domain import Job

# A disk with less than this, or below its floor, is nearly full.
FREE_SHARE = 0.05
# A daemon that begins, or wakes, makes up what it missed: until then stale data are no news.
GRACE = timedelta(minutes=10)
# How far back the newest sale of a store is looked for.
LOOKED_BACK = timedelta(days=2)
# A wait that may pass unnoticed, whatever `lock_timeout_s` allows.
SHORT_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Par:
    """How a job stands for a store. Instants in UTC.

    Attributes:
        job, tienda: which; `tienda` is its id.
        seguidas: failed runs since the last success.
        desde: when the first of them began.
        error_tipo, error: of the newest of them.
        exito: when it last succeeded; None where it never did.
        primera: when it first ran, as far as is known.
        rechazados: rows that the last success put aside.
        espera_bd_s: how long the newest run waited for the database.
    """

    job: Job
    tienda: str
    seguidas: int = 0
    desde: datetime | None = None
    error_tipo: str = ""
    error: str = ""
    exito: datetime | None = None
    primera: datetime | None = None
    rechazados: int = 0
    espera_bd_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Callada:
    """A store's silence: its newest sale (UTC), and whether it should have sold since (alerts/silence.py)."""

    tienda: str
    ultima: datetime | None
    callada: bool


@dataclass(frozen=True, slots=True)
class Tardia:
    """Lines of a store that no window had found: how many, and how late the latest came."""

    tienda: str
    lineas: int
    minutos: float


@dataclass(frozen=True, slots=True)
class Disco:
    """A disk that is written to, in bytes; below `piso` nothing can go on."""

    carpeta: str
    total: int
    libre: int
    piso: int


@dataclass(frozen=True, slots=True)
class Hechos:
    """What is known at an instant. None is unknown.

    Attributes:
        tiendas: the ids of the active stores.
        pausados: jobs that raise no alert.
        pares: jobs by store.
        completos: False where the database could not be read and `pares` holds failures alone.
        calladas: stores whose sales were read.
        tardias: what the last conciliacion found.
        discos: the disks.
        arranque: when the daemon began, or woke; None without one.
    """

    tiendas: tuple[str, ...]
    pausados: frozenset[Job] = frozenset()
    pares: tuple[Par, ...] = ()
    completos: bool = True
    calladas: tuple[Callada, ...] | None = None
    tardias: tuple[Tardia, ...] | None = None
    discos: tuple[Disco, ...] = ()
    arranque: datetime | None = None


@dataclass(frozen=True, slots=True)
class Politica:
    """What the operator wants to hear of.

    Attributes:
        fail_after: failed runs of a job and store in a row before the first alert.
        stale_after: how old a job's last success may be.
        lock_timeout_s: how long a run waits for the database.
    """

    fail_after: int
    stale_after: Mapping[Job, timedelta]
    lock_timeout_s: float


@dataclass(frozen=True, slots=True)
class Evaluacion:
    """The causes that hold, and the kinds of which that is known: others stay as they were."""

    causas: tuple[Causa, ...]
    conocidas: frozenset[Familia]


def evaluate(hechos: Hechos, politica: Politica, abiertas: Sequence[Abierta], now: datetime) -> Evaluacion:
    """The causes that hold at `now` (UTC).

    Args:
        hechos: what is known.
        politica: what the operator wants to hear of.
        abiertas: the causes that are open: a fault that has spread is not told store by store when it shrinks, and
            silence ends with a sale, not with closing time.
        now: the instant.
    """
    pares = [p for p in hechos.pares if p.job not in hechos.pausados and p.tienda in hechos.tiendas]
    old = _old(pares, hechos, politica, now)
    stale = [p for p in old if not _made_up_soon(p, hechos, politica, now)]
    full = _disks(hechos.discos, hechos, now)
    found = failures.causes(
        [p for p in pares if p.seguidas > 0],
        ripe=lambda p: p.seguidas >= politica.fail_after or p in stale,
        tiendas=hechos.tiendas,
        abiertas=abiertas,
        disk_full=bool(full),
    )
    conocidas = {Familia.DISCO} if hechos.discos else set()
    if not hechos.completos:
        # Failures that wait for the database to be written tell of it, and of nothing else.
        found = [c for c in found if c.familia in {Familia.BASE_OCUPADA, Familia.BASE_FALLA}]
        return Evaluacion((*full, *found), frozenset(conocidas))
    conocidas |= {*failures.FAMILIAS, Familia.ATRASO, Familia.RECHAZOS}
    if not any(c.familia is Familia.BASE_OCUPADA for c in found):
        found += _waited(pares, hechos, politica, now)
    found += _overdue([p for p in stale if not p.seguidas], hechos)
    rejected = {p.tienda: p for p in pares if p.rechazados}
    found += by_store(
        Familia.RECHAZOS,
        [
            Parte(p.tienda, now, (p.job,), f"{p.rechazados} filas en la última corrida de {p.job}")
            for p in rejected.values()
        ],
        hechos.tiendas,
        abiertas,
    )
    if hechos.calladas is not None and Job.VENTAS not in hechos.pausados:
        conocidas.add(Familia.SILENCIO)
        found += _silent(hechos.calladas, hechos, abiertas, now)
    if hechos.tardias is not None:
        conocidas.add(Familia.SOLAPE)
        late = [
            Parte(t.tienda, now, (Job.VENTAS,), f"{t.lineas} líneas, hasta {t.minutos:.0f} min tarde")
            for t in hechos.tardias
            if t.lineas
        ]
        found += by_store(Familia.SOLAPE, late, hechos.tiendas, abiertas)
    if len(stale) < len(old):
        conocidas.discard(Familia.ATRASO)
    return Evaluacion((*full, *found), frozenset(conocidas))


def _old(pares: Sequence[Par], hechos: Hechos, politica: Politica, now: datetime) -> list[Par]:
    """What is too old (contract, "Stale"). What never ran is that only where a daemon is there to run it."""
    if not hechos.completos:
        return []
    return [p for p in pares if (at := _since(p, hechos)) is not None and now - at > politica.stale_after[p.job]]


def _made_up_soon(par: Par, hechos: Hechos, politica: Politica, now: datetime) -> bool:
    """Whether it grew old before the daemon began, which is about to run it."""
    if hechos.arranque is None or (par.exito is not None and par.exito >= hechos.arranque):
        return False
    return now - hechos.arranque < min(GRACE, politica.stale_after[par.job])


def _since(par: Par, hechos: Hechos) -> datetime | None:
    return par.exito or par.primera or hechos.arranque


def _overdue(stale: Sequence[Par], hechos: Hechos) -> list[Causa]:
    """Nothing has failed, and yet nothing succeeds: the runs do not happen. However many, that is one fault."""
    since = [at for p in stale if (at := _since(p, hechos)) is not None]
    if not since:
        return []
    jobs = tuple(job for job in Job if any(p.job is job for p in stale))
    tiendas = tuple(sorted({p.tienda for p in stale}))
    return [Causa("atraso", Familia.ATRASO, Lugar.MAQUINA, min(since), jobs, tiendas, len(hechos.tiendas))]


def _waited(pares: Sequence[Par], hechos: Hechos, politica: Politica, now: datetime) -> list[Causa]:
    """Runs that succeeded after waiting for the database for more than half of what they may."""
    limit = max(SHORT_WAIT_S, politica.lock_timeout_s / 2)
    slow = [p for p in pares if not p.seguidas and p.espera_bd_s >= limit]
    if not slow:
        return []
    longest = max(p.espera_bd_s for p in slow)
    return [
        Causa(
            "bd_ocupada",
            Familia.BASE_OCUPADA,
            Lugar.BASE,
            now - timedelta(seconds=longest),
            tuple(job for job in Job if any(p.job is job for p in slow)),
            tuple(sorted({p.tienda for p in slow})),
            len(hechos.tiendas),
            f"la última corrida esperó {longest:.0f} s por la base",
        )
    ]


def _silent(calladas: Sequence[Callada], hechos: Hechos, abiertas: Sequence[Abierta], now: datetime) -> list[Causa]:
    """Stores that should have sold; one that is silent already stays so until it sells, or is not looked at."""
    silent = {c.tienda: c for c in calladas if c.callada}
    seen = {c.tienda: c for c in calladas}
    for abierta in abiertas:
        if abierta.causa.familia is Familia.SILENCIO:
            for id_ in set(abierta.causa.tiendas) & set(hechos.tiendas):
                here = seen.get(id_, Callada(id_, None, callada=True))
                since = dict(abierta.causa.por_tienda).get(id_, abierta.abierta)
                if here.ultima is None or here.ultima <= since:
                    silent.setdefault(id_, here)
    partes = [Parte(c.tienda, c.ultima or now - LOOKED_BACK, (Job.VENTAS,), "") for c in silent.values()]
    return by_store(Familia.SILENCIO, partes, hechos.tiendas, abiertas)


def _disks(discos: Sequence[Disco], hechos: Hechos, now: datetime) -> list[Causa]:
    return [
        Causa(
            f"disco:{d.carpeta}",
            Familia.DISCO,
            Lugar.MAQUINA,
            now,
            tuple(Job),
            hechos.tiendas,
            len(hechos.tiendas),
            f"{d.carpeta}: quedan {d.libre / 2**30:.1f} de {d.total / 2**30:.1f} GiB",
        )
        for d in discos
        if d.libre < max(d.piso, d.total * FREE_SHARE)
    ]
