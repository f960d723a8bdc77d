"""The heartbeat: called when a run truly succeeded, and then only; its failure harms nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from receiver import Receptor, receiver
from structlog.testing import capture_logs

from klk_daemon.alerts.heartbeat import beat
from klk_daemon.domain import Estado, Job, Modo, Resultado, ResultadoTienda, Tienda
from klk_daemon.errors import ConexionFallida

NOW = datetime(2025, 11, 17, 16, 35, tzinfo=UTC)


@pytest.fixture(name="receptor")
def _receptor() -> Iterator[Receptor]:
    with receiver() as receptor:
        yield receptor


def run(*buenas: bool) -> Resultado:
    """The outcome of a run over so many stores."""
    partes = tuple(
        ResultadoTienda(
            Tienda(f"tienda_{n}", "", "", ()),
            Estado.EXITOSO if buena else Estado.FALLIDO,
            NOW,
            NOW,
            error=None if buena else ConexionFallida("no"),
        )
        for n, buena in enumerate(buenas)
    )
    return Resultado("abc", Job.VENTAS, Modo.INCREMENTAL, NOW, NOW, partes)


async def test_only_on_success(receptor: Receptor) -> None:
    """Not for a store that failed among others, nor for all of them."""
    assert not await beat(receptor.latido(), run(True, False))
    assert not await beat(receptor.latido(), run(False, False))
    assert not await beat("", run(True))
    assert receptor.latidos == []
    assert await beat(receptor.latido(), run(True, True))
    assert receptor.latidos == ["/ping/secreto"]


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_failure_is_logged(receptor: Receptor, status: int) -> None:
    """With the address's secret left out; a redirect is not followed."""
    receptor.status = status
    with capture_logs() as events:
        assert not await beat(receptor.latido(), run(True))
    assert [(e["event"], e["error"]) for e in events] == [("latido_fallido", f"HTTP {status}")]
    assert "secreto" not in str(events)
    assert receptor.latidos == ["/ping/secreto"]


async def test_nobody_there() -> None:
    """No connection is a failure like any other."""
    with capture_logs() as events:
        assert not await beat("http://127.0.0.1:1/secreto", run(True))
    assert [e["event"] for e in events] == ["latido_fallido"]
    assert "secreto" not in str(events)


async def test_hangs(receptor: Receptor) -> None:
    """It is not waited for beyond its time."""
    receptor.pause_s = 1
    with capture_logs() as events:
        assert not await beat(receptor.latido(), run(True), timeout_s=0.1)
    assert [e["event"] for e in events] == ["latido_fallido"]
