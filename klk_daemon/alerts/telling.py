"""Which messages to write of what has happened: one each, or several in one. Pure.

Nothing is left out: what quiet hours or the limit keep back is told later, together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from klk_daemon.alerts.causa import Causa
from klk_daemon.alerts.texts import Redactor, Texto

# More messages than this within an hour are a flood.
PER_HOUR = 10


class Que(StrEnum):
    """What has happened to a cause."""

    EMPEZO = "empezo"
    TERMINO = "termino"
    PASO = "paso"  # it began and ended before anybody was told


class Tipo(StrEnum):
    """The kinds of message."""

    ALERTA = "alerta"
    RESUELTO = "resuelto"
    REUNIDOS = "reunidos"
    RESUMEN = "resumen"
    PRUEBA = "prueba"


class Nivel(StrEnum):
    """How a channel shows it (Apprise's notify_type)."""

    FALLA = "failure"
    BIEN = "success"
    DATO = "info"


@dataclass(frozen=True, slots=True)
class Suceso:
    """Something to tell: what happened to which cause.

    Attributes:
        id: of the cause's row.
        que: what.
        causa: the cause.
        fin: when it ended, UTC.
        pausado: it is not looked at any more; that is not the same as an end.
        mensaje: the message that told of its beginning.
        callado: it happened in quiet hours.
        retenido: it was kept back by the limit.
    """

    id: int
    que: Que
    causa: Causa
    fin: datetime | None = None
    pausado: bool = False
    mensaje: int | None = None
    callado: bool = False
    retenido: bool = False


@dataclass(frozen=True, slots=True)
class Mensaje:
    """A message to send, and what it tells of. `familia` is the cause's, where there is only one."""

    texto: Texto
    tipo: Tipo
    nivel: Nivel
    familia: str
    sucesos: tuple[Suceso, ...] = ()


def messages(sucesos: Sequence[Suceso], *, room: int, redactor: Redactor, now: datetime) -> list[Mensaje]:
    """The messages to write now. What is not told of in one of them waits.

    Args:
        sucesos: what is to be told, oldest first.
        room: how many messages may be written; the last of them takes all that is left.
        redactor: writes them.
        now: UTC.
    """
    if not sucesos or room < 1:
        return []
    together = [s for s in sucesos if s.callado or s.retenido]
    alone = [s for s in sucesos if s not in together]
    if len(alone) + bool(together) > room:
        kept = room - 1
        together += [replace(s, retenido=True) for s in alone[kept:]]
        alone = alone[:kept]
    written = [_one(s, redactor, now) for s in alone]
    if len(together) == 1:
        written.append(_one(together[0], redactor, now))
    elif together:
        written.append(_many(together, redactor, now))
    return written


def _one(suceso: Suceso, redactor: Redactor, now: datetime) -> Mensaje:
    causa = suceso.causa
    if suceso.que is Que.EMPEZO or suceso.fin is None:
        return Mensaje(redactor.alerta(causa, now), Tipo.ALERTA, Nivel.FALLA, causa.familia, (suceso,))
    texto = redactor.resuelto(causa, suceso.fin, paused=suceso.pausado)
    return Mensaje(texto, Tipo.RESUELTO, Nivel.BIEN, causa.familia, (suceso,))


def _many(sucesos: Sequence[Suceso], redactor: Redactor, now: datetime) -> Mensaje:
    open_ = [s.causa for s in sucesos if s.que is Que.EMPEZO]
    texto = redactor.reunidos(
        [redactor.linea(s.causa, s.fin) for s in sucesos],
        open_,
        now,
        quiet=sum(s.callado for s in sucesos),
        held=sum(s.retenido and not s.callado for s in sucesos),
    )
    return Mensaje(texto, Tipo.REUNIDOS, Nivel.FALLA if open_ else Nivel.DATO, "varias", tuple(sucesos))
