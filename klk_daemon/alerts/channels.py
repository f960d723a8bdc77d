"""The channels: Apprise, which is imported when there is one to ask, since it takes 150 ms to load.

Apprise blocks, and says only yes or no; why is in what it logs. Its own log lines may hold an address with its secrets,
so they go nowhere else.
"""

import asyncio
import hashlib
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apprise import Apprise

STATUS = re.compile(r"error=(?P<status>\d{3})\b")
# Refusals that may be none in a moment: too early, too late, too much.
PASSING = frozenset({408, 425, 429})
CLIENT_ERRORS = range(400, 500)
# Title and body beyond this are cut by no channel that we know of, and by nobody's patience.
BODY_CHARS = 6000


@dataclass(frozen=True, slots=True)
class Envio:
    """What became of an attempt to send.

    Attributes:
        tomado: the channel has taken it.
        error: why not, in a line without secrets.
        permanente: it said no, and will say so again.
    """

    tomado: bool
    error: str = ""
    permanente: bool = False


class Canal:
    """One channel.

    Args:
        url: Apprise's, as configured.

    Attributes:
        id: names it in the outbox; nobody can make the URL of it.
        nombre: the URL without its secrets.

    Raises:
        ValueError: Apprise does not know such a URL, or something is missing from it.
    """

    def __init__(self, url: str) -> None:
        self._apprise = _load(url)
        self.id = hashlib.sha256(url.encode()).hexdigest()[:16]
        service: Any = self._apprise[0]
        self.nombre = str(service.url(privacy=True)).split("?")[0]

    async def send(self, titulo: str, cuerpo: str, nivel: str, *, timeout_s: float) -> Envio:
        """Sends one message.

        Args:
            titulo: its title.
            cuerpo: plain text.
            nivel: `failure`, `success`, `info` or `warning`.
            timeout_s: how long to wait for the channel; a thread that hangs in it is left behind.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Envio] = loop.create_future()

        def work() -> None:
            envio = self._notify(titulo, cuerpo, nivel)
            try:
                loop.call_soon_threadsafe(lambda: None if answer.done() else answer.set_result(envio))
            except RuntimeError:  # nobody waits any more: the loop has ended
                return

        # Not of a pool: the interpreter waits for those at its end, and a channel may hang.
        threading.Thread(target=work, name="alerta", daemon=True).start()
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(answer)
        except TimeoutError:
            return Envio(tomado=False, error=f"no answer within {timeout_s:g} s")

    def _notify(self, titulo: str, cuerpo: str, nivel: str) -> Envio:
        from apprise import NotifyFormat, NotifyType  # noqa: PLC0415 - see above

        with _listening() as said:
            try:
                taken = self._apprise.notify(
                    body=cuerpo[:BODY_CHARS],
                    title=titulo,
                    notify_type=NotifyType(nivel),
                    body_format=NotifyFormat.TEXT.value,
                )
            except Exception as e:  # noqa: BLE001 - a hundred plugins: whatever one raises is its failure to send
                return Envio(tomado=False, error=type(e).__name__)
        if taken:
            return Envio(tomado=True)
        status = next((int(found["status"]) for line in said if (found := STATUS.search(line))), 0)
        error = f"HTTP {status}" if status else _public(said)
        return Envio(tomado=False, error=error, permanente=status in CLIENT_ERRORS and status not in PASSING)


def check(url: str) -> None:
    """Whether there is such a channel; nothing is sent.

    Raises:
        ValueError: there is not.
    """
    _load(url)


def _load(url: str) -> "Apprise":
    from apprise import Apprise, AppriseAsset  # noqa: PLC0415 - see above

    # 0: no deadline of Apprise's own, and so no pool of threads that the interpreter waits for.
    asset = AppriseAsset(async_mode=False, service_timeout=0, app_id="klk-daemon", app_desc="klk-daemon", app_url="")
    channel = Apprise(asset=asset)
    with _listening():
        known = channel.add(url)
    if not known or not len(channel):
        scheme = url.split(":", 1)[0]
        raise ValueError(f"Apprise knows no {scheme}:// URL of this form")
    return channel


def _public(said: list[str]) -> str:
    """Why it failed, of what Apprise says: a sentence without anything that looks like an address."""
    lines = [line for line in said if "://" not in line]
    return lines[-1][:200] if lines else "the channel did not take it"


class _Ear(logging.Handler):
    """Keeps what one thread logs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.lines.append(record.getMessage())


@contextmanager
def _listening() -> Iterator[list[str]]:
    """While the block runs, what Apprise logs in this thread."""
    logger: Any = logging.getLogger("apprise")
    logger.propagate = False
    ear = _Ear()
    logger.addHandler(ear)
    try:
        yield ear.lines
    finally:
        logger.removeHandler(ear)
