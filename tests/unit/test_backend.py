"""What a scrape asks of the daemon comes soon, whatever the database does."""

import asyncio
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from held import held
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from klk_daemon.bootstrap import backend
from klk_daemon.bootstrap.marcha import Marcha
from klk_daemon.domain import Job
from klk_daemon.errors import BaseFallida, BaseOcupada
from klk_daemon.jobs.pausas import Pausas
from klk_daemon.metrics import Metrics
from klk_daemon.warehouse.archivo import Archivo
from klk_daemon.warehouse.connection import Database

NOW = datetime(2025, 11, 17, 16, 0, tzinfo=UTC)


class Troubled(backend.Backend):
    """Its database is held, or broken."""

    def __init__(self, folder: Path, error: BaseFallida | None) -> None:
        self.metrics = Metrics(CollectorRegistry(), version="1")
        app: Any = SimpleNamespace(pausas=Pausas(folder))
        super().__init__(lambda: app, self.metrics, lambda: NOW, Marcha(lambda: NOW), lambda _: None)
        self.error = error

    async def status(self) -> dict[str, Any]:
        """Never, or an error."""
        if self.error is not None:
            raise self.error
        await asyncio.Event().wait()
        raise AssertionError


async def test_status_does_not_wait_for_a_held_database(tmp_path: Path) -> None:
    """Never read, it fails within two seconds and names the holder; so it does behind a run of ours that waits."""
    path = tmp_path / "klk.db"
    with held(path) as other:
        app: Any = SimpleNamespace(database=Database(Archivo(path), lock_timeout_s=60))
        asked = backend.Backend(
            lambda: app, Metrics(CollectorRegistry(), version="1"), lambda: NOW, Marcha(lambda: NOW), lambda _: None
        )
        with pytest.raises(BaseOcupada, match=f"pid {other.pid}"):
            await asyncio.wait_for(asked.status(), 5)
        run = asyncio.create_task(app.database.transaction(lambda _: None))
        await asyncio.sleep(0)
        with pytest.raises(BaseOcupada, match=f"pid {other.pid}"):
            await asyncio.wait_for(asked.status(), 5)
        other.communicate()
        await run
    done = threading.Event()
    run = asyncio.create_task(app.database.transaction(lambda _: done.wait(30)))
    await asyncio.sleep(0)
    with pytest.raises(BaseOcupada, match="held by this program itself"):  # and not by who held it before
        await asyncio.wait_for(asked.status(), 5)
    done.set()
    await run
    app.database.close()


@pytest.mark.parametrize("error", [None, BaseFallida("the database is no database")])
async def test_a_scrape_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseFallida | None) -> None:
    """A held database is not waited for, a broken one is logged; what needs no database is told."""
    monkeypatch.setattr(backend, "SCRAPE_S", 0.05)
    Pausas(tmp_path).poner([Job.VENTAS], None)
    troubled = Troubled(tmp_path, error)
    with capture_logs() as events:
        await asyncio.wait_for(troubled.figures(), 5)
    assert troubled.metrics.registry.get_sample_value("klk_job_paused", {"job": "ventas"}) == 1
    assert [e["event"] for e in events] == ([] if error is None else ["bd_no_leida"])
