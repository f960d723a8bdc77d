"""The range of sales that an operator names by hand (contract, "Commands"). Pure."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from klk_daemon.domain import Intervalo, Job, Modo, Rango
from klk_daemon.errors import ConfigError
from klk_daemon.windows import MEDIANOCHE, dia, dias, instante, local

EXPECTED = "expected a date (2025-11-17) or a date and time (2025-11-17T12:30), store-local"


def pedido(
    job: Job, desde: str | None, hasta: str | None, *, completo: bool, zona: ZoneInfo, now: datetime
) -> Rango | None:
    """What the options of `trigger` ask for; None where they name no range.

    Raises:
        ConfigError: they do not go with each other, or with the job.
    """
    if (desde or hasta) and job is Job.INVENTARIO:
        raise ConfigError(f"--desde and --hasta do not go with {job}", hint="they are for ventas and conciliacion")
    if completo and job is not Job.VENTAS:
        raise ConfigError(f"--completo does not go with {job}", hint="it is for ventas")
    if completo and desde:
        raise ConfigError("--completo and --desde exclude each other", hint="choose one")
    if hasta and not desde:
        raise ConfigError("--hasta needs --desde", hint="say from when")
    if completo:
        return hoy(zona=zona, now=now)
    if not desde:
        return None
    rango = a_mano(desde, hasta, zona=zona, now=now)
    return dias_enteros(rango, zona=zona, now=now) if job is Job.CONCILIACION else rango


def a_mano(desde: str, hasta: str | None, *, zona: ZoneInfo, now: datetime) -> Rango:
    """The sales from `desde` to `hasta`, in store-local time.

    Args:
        desde: a date, or `YYYY-MM-DDTHH:MM`.
        hasta: a date, inclusive, or `YYYY-MM-DDTHH:MM`, exclusive; now where none is given.
        zona: the stores' time zone.
        now: UTC. What lies ahead of it is left out: sales of the future have not been read.

    Raises:
        ConfigError: no date, or nothing between the two.
    """
    inicio = _leer("--desde", desde)
    fin = _leer("--hasta", hasta) if hasta is not None else now
    final = fin if fin is now else _hasta(fin, zona, now)
    try:
        inicial = instante(_reloj(inicio), zona)
    except OverflowError as e:
        raise ConfigError(f"--desde {desde}: before the calendar begins", hint=EXPECTED) from e
    if inicial >= now:
        raise ConfigError(
            f"--desde {desde} lies in the future", hint=f"the stores' clock shows {local(now, zona):%F %R}"
        )
    if inicial >= final:
        raise ConfigError(f"--desde {desde} is not before --hasta {hasta}", hint="swap them")
    return Rango(Intervalo(inicial, min(final, now)), Modo.RECUPERACION)


def dias_enteros(rango: Rango, *, zona: ZoneInfo, now: datetime) -> Rango:
    """The whole past days that a range touches: what `conciliacion` compares.

    Raises:
        ConfigError: there is none, today not being over.
    """
    desde = dia(local(rango.intervalo.desde, zona).date(), zona).desde
    hasta = min(dia(dias(rango.intervalo, zona)[-1], zona).hasta, dia(local(now, zona).date(), zona).desde)
    if desde >= hasta:
        raise ConfigError("conciliacion compares past days, and today is not over", hint="name an earlier --desde")
    return Rango(Intervalo(desde, hasta), Modo.CONCILIACION)


def hoy(*, zona: ZoneInfo, now: datetime) -> Rango:
    """Today from midnight (`--completo`)."""
    return Rango(Intervalo(dia(local(now, zona).date(), zona).desde, now), Modo.COMPLETO)


def _reloj(momento: date | datetime) -> datetime:
    return momento if isinstance(momento, datetime) else datetime.combine(momento, MEDIANOCHE)


def _hasta(fin: date | datetime, zona: ZoneInfo, now: datetime) -> datetime:
    try:
        return instante(fin, zona) if isinstance(fin, datetime) else dia(fin, zona).hasta
    except OverflowError:  # at an end of the calendar: 9999-12-31 means all that follows, 0001-01-01 nothing
        return now if fin.year > now.year else datetime.min.replace(tzinfo=UTC)


def _leer(option: str, text: str) -> date | datetime:
    try:
        if "T" not in text and " " not in text:
            return date.fromisoformat(text)
        momento = datetime.fromisoformat(text)
    except ValueError as e:
        raise ConfigError(f"{option} {text}: not a date", hint=EXPECTED) from e
    if momento.tzinfo is not None:
        raise ConfigError(f"{option} {text}: has a time zone", hint=EXPECTED)
    return momento
