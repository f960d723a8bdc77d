"""Which sales to ask for. Pure: instants in, requests out.

An interval is planned in UTC, where time never repeats or skips, and asked for in store-local days, because KLK's
hour filter works per day (klk-api.md, trap 2).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from klk_daemon.domain import Intervalo, Ventana

MEDIANOCHE = time(0, 0)
UN_DIA = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """What an unattended run of `ventas` reads for one store.

    `intervalos` come in the order in which to read them. `piso` is the start of the one that reaches `now`: reading
    from there on lets the watermark advance (a range by hand has none, see `avanzar`). `omitido` is what lies
    further back than `max_catchup_days`. `avanza` is False where the watermark must stay, whatever is read.
    """

    intervalos: tuple[Intervalo, ...]
    piso: datetime | None
    omitido: Intervalo | None = None
    avanza: bool = True


def local(instante: datetime, zona: ZoneInfo) -> datetime:
    """The store's wall clock (naive) at an instant."""
    return instante.astimezone(zona).replace(tzinfo=None)


def instante(reloj: datetime, zona: ZoneInfo) -> datetime:
    """The instant (UTC) at which the store's wall clock (naive) first shows `reloj`."""
    return reloj.replace(tzinfo=zona, fold=0).astimezone(UTC)


def dia(fecha: date, zona: ZoneInfo) -> Intervalo:
    """A store-local day: 24 hours long, or 23 or 25 where the clock changes."""
    inicio, fin = (instante(datetime.combine(d, MEDIANOCHE), zona) for d in (fecha, fecha + UN_DIA))
    return Intervalo(inicio, fin)


def dias(intervalo: Intervalo, zona: ZoneInfo) -> list[date]:
    """The store-local days that an interval touches, in order."""
    if intervalo.desde >= intervalo.hasta:
        return []
    fecha = local(intervalo.desde, zona).date()
    ultima = local(intervalo.hasta - timedelta(microseconds=1), zona).date()
    return [fecha + timedelta(days=n) for n in range((ultima - fecha).days + 1)]


def ventanas(intervalo: Intervalo, zona: ZoneInfo) -> list[Ventana]:
    """The requests that read an interval: one a store-local day, in order, none across midnight.

    A request that ends at midnight is made without hours, for the whole day: `23:59:59` as the inclusive end would
    miss the day's last second on a server that compares fractions. So is one on a day on which the clock changes,
    when an hour of the wall clock may happen twice.
    """
    return [v for fecha in dias(intervalo, zona) if (v := _ventana(intervalo, fecha, zona)) is not None]


def _ventana(intervalo: Intervalo, fecha: date, zona: ZoneInfo) -> Ventana | None:
    todo = dia(fecha, zona)
    parte = Intervalo(max(intervalo.desde, todo.desde), min(intervalo.hasta, todo.hasta))
    if parte.desde >= parte.hasta:  # a day that the zone's calendar skips
        return None
    cambia_el_reloj = todo.hasta - todo.desde != UN_DIA
    inicio = datetime.combine(fecha, MEDIANOCHE)
    if parte == todo or cambia_el_reloj:
        return Ventana(parte, fecha, inicio, inicio + UN_DIA, None, None)
    # Rounded outwards to whole seconds: KLK understands no others, and of a sale no more is known (klk/wire.py).
    desde = local(parte.desde, zona).replace(microsecond=0)
    if parte.hasta == todo.hasta:
        return Ventana(parte, fecha, desde, inicio + UN_DIA, None, None)
    hasta = local(parte.hasta, zona)
    hora_hasta = hasta if hasta.microsecond == 0 else hasta.replace(microsecond=0) + timedelta(seconds=1)
    if hora_hasta.date() != fecha:
        return Ventana(parte, fecha, desde, hasta, None, None)
    return Ventana(parte, fecha, desde, hasta, desde.time(), hora_hasta.time())


def unir(intervalos: Iterable[Intervalo]) -> list[Intervalo]:
    """Merges what overlaps or touches; sorted, empty ones dropped."""
    unidos: list[Intervalo] = []
    for i in sorted(i for i in intervalos if i.desde < i.hasta):
        if unidos and i.desde <= unidos[-1].hasta:
            unidos[-1] = Intervalo(unidos[-1].desde, max(unidos[-1].hasta, i.hasta))
        else:
            unidos.append(i)
    return unidos


def restar(intervalos: Iterable[Intervalo], leido: Intervalo) -> list[Intervalo]:
    """What is left of the intervals without `leido`; sorted."""
    restos = (
        resto
        for i in intervalos
        for resto in (
            Intervalo(i.desde, min(i.hasta, leido.desde)),
            Intervalo(max(i.desde, leido.hasta), i.hasta),
        )
    )
    return unir(restos)


def huecos(cobertura: Iterable[Intervalo], hasta: datetime) -> list[Intervalo]:
    """What was not read between the first instant that was and `hasta`; sorted."""
    unida = [i for i in unir(cobertura) if i.desde < hasta]
    if not unida:
        return []
    siguientes = [*(i.desde for i in unida[1:]), hasta]
    return [Intervalo(i.hasta, s) for i, s in zip(unida, siguientes, strict=True) if i.hasta < s]


def avanzar(marca: datetime | None, leido: Intervalo, piso: datetime | None) -> datetime | None:
    """The watermark after `leido` was committed (contract, "What a run guarantees", 2).

    It advances to the interval's end only when the interval begins at or before it, and never goes back. `piso` is
    where an unattended run begins (its plan's): it stands in for a watermark that is not there yet, or that lies
    further back than `max_catchup_days`. A manual range has none.
    """
    alcance = max((m for m in (marca, piso) if m is not None), default=None)
    if alcance is None or leido.desde > alcance:
        return marca
    return leido.hasta if marca is None else max(marca, leido.hasta)


def planificar(
    *,
    marca: datetime | None,
    ultima_venta: datetime | None,
    cobertura: Sequence[Intervalo],
    por_releer: Sequence[Intervalo] = (),
    now: datetime,
    zona: ZoneInfo,
    overlap: timedelta,
    first_run_days: int,
    max_catchup_days: int,
) -> Plan:
    """What to read now, for one store.

    Args:
        marca: its watermark, if it has one.
        ultima_venta: the instant of the newest line held; counts where there is no watermark, or one ahead of now.
        cobertura: what was read before.
        por_releer: what was read and lost again; read however old it is.
        now: the instant of the run.
        zona: the stores' time zone.
        overlap: how far before the watermark to begin (klk-api.md, trap 3: sales arrive late).
        first_run_days: for a store with no rows, how many days before today's midnight to begin.
        max_catchup_days: never begin further back than so many days before today's midnight.

    Returns:
        The newest interval first, so that fresh sales never wait for an old gap that KLK refuses to fill.
    """
    hoy = local(now, zona).date()
    limite = dia(hoy - timedelta(days=max_catchup_days), zona).desde
    sin_leer = huecos(cobertura, now)
    if marca is None and ultima_venta is None:
        base = inicio = dia(hoy - timedelta(days=min(first_run_days, max_catchup_days)), zona).desde
    else:
        # A watermark ahead of the clock was set by a clock that ran ahead: what was read ends with the newest line.
        fiable = ultima_venta if marca is None or marca > now else marca
        base = min(fiable or now, now)
        if marca is not None and sin_leer and sin_leer[-1].hasta == now:
            base = min(base, sin_leer[-1].desde)
        inicio = max(base - overlap, limite)
    # A gap, too, begins an overlap earlier: what was read before it had late lines still to come.
    atrasados = [Intervalo(max(h.desde - overlap, limite), h.hasta) for h in sin_leer if h.hasta > limite]
    perdidos = [Intervalo(i.desde, min(i.hasta, now)) for i in por_releer]
    intervalos = unir([*atrasados, *perdidos, Intervalo(inicio, now)])
    piso = next((i.desde for i in intervalos if i.hasta == now), now)
    return Plan(tuple(reversed(intervalos)), piso, Intervalo(base, limite) if base < limite else None)
