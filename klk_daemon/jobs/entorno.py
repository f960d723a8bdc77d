"""What every run needs: the tools, built once by `bootstrap`."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Job
from klk_daemon.jobs.locks import JobLocks
from klk_daemon.warehouse import ejecuciones
from klk_daemon.warehouse.connection import Database
from klk_daemon.warehouse.pendientes import Pendientes
from klk_daemon.warehouse.recibo import Recibo

if TYPE_CHECKING:
    from klk_daemon.klk.client import KlkClient


@dataclass(frozen=True, slots=True)
class Entorno:
    """What every run needs, built once by `bootstrap`.

    Attributes:
        database: the writer.
        client: makes the client of one run.
        recibo: notes what was committed, and tells what a database has lost.
        pendientes: where ledger rows wait while the database cannot be written.
        zona: the stores' time zone.
        run_timeout_s: a run's deadline.
        host: this machine's name, for the ledger.
        version: this program's, for the ledger.
        ubicaciones: the ids of all configured stores.
        locks: the jobs' locks.
    """

    database: Database
    client: Callable[[], "KlkClient"]
    recibo: Recibo
    pendientes: Pendientes
    zona: ZoneInfo
    run_timeout_s: float
    host: str
    version: str
    ubicaciones: Collection[str]
    locks: JobLocks

    def reparar(self, con: DuckDBPyConnection, mine: Job | None, reloj: datetime, ids: Collection[str]) -> int:
        """Ends what processes that died left `en_proceso`: of the caller's own job, and of those that do not run.

        Where daemons share a database, of the stores `ids`, which the caller has taken; else of all that are ours.
        """
        jobs = [job for job in Job if job is mine or not self.locks.busy(job)]
        if self.database.origen.reparto.compartido:
            return ejecuciones.reparar(con, jobs, ids, "", reloj)
        return ejecuciones.reparar(con, jobs, self.ubicaciones, self.host, reloj)
