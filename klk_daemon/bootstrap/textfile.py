"""The metrics of a trigger where no daemon runs: collected while it runs, left for node_exporter at its end."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from klk_daemon import __version__
from klk_daemon.bootstrap import report
from klk_daemon.bootstrap.app import App
from klk_daemon.domain import Resultado
from klk_daemon.errors import KlkError
from klk_daemon.metrics import Metrics, textfile

log = structlog.get_logger()

LOCK_FILE = "textfile.lock"
# Who waited for the database in vain does not wait for it again.
PATIENCE_S = 2.0


class Textfile:
    """One process's figures, for `metrics.textfile`.

    Args:
        app: the objects of a run.
        clock: the time, UTC.

    Attributes:
        app: the same objects, whose requests are counted.
    """

    def __init__(self, app: App, clock: Callable[[], datetime]) -> None:
        self._metrics = Metrics(CollectorRegistry(), version=__version__)
        self._metrics.configured(app.tiendas)
        self._clock = clock
        self._ended = False
        self.app = app.observed(self._metrics.asked)

    def ended(self, resultado: Resultado) -> None:
        """Takes a run's outcome in."""
        self._ended = True
        self._metrics.ended(resultado)

    def alerted(self, tipo: str) -> None:
        """Takes in that a channel has taken a message."""
        self._metrics.alerts.labels(tipo).inc()

    async def write(self) -> None:
        """Adds what the process has counted to the file, if a run has ended; a failure is logged and harms nothing."""
        if not self._ended:
            return
        app, now = self.app, self._clock()
        self._metrics.pauses(app.pausas.vigentes(now))
        app.database.configure(lock_timeout_s=PATIENCE_S, memory_limit=app.settings.database.memory_limit)
        try:
            held = await report.read(app)
            self._metrics.held(held.estados, held.huecos(app, now), zona=app.zona)
        except KlkError as e:
            log.warning("bd_no_leida", error=str(e))
        try:
            textfile.add(
                Path(app.settings.metrics.textfile),
                self._metrics.registry,
                lock=app.state / LOCK_FILE,
                tiendas={t.id for t in app.tiendas if t.activa},
            )
        except OSError as e:
            _tell(app, e)


def retire(app: App) -> None:
    """Takes out of the file what the daemon tells from now on; a failure is logged and harms nothing."""
    if not app.settings.metrics.textfile:
        return
    try:
        textfile.retire(Path(app.settings.metrics.textfile), lock=app.state / LOCK_FILE)
    except OSError as e:
        _tell(app, e)


def _tell(app: App, error: OSError) -> None:
    log.warning(
        "textfile_no_escrito",
        archivo=app.settings.metrics.textfile,
        error=str(error),
        remedio="see metrics.textfile: this user must be able to write the file's folder",
    )
