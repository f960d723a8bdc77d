"""The file for node_exporter: counters go on from one process to the next."""

import multiprocessing
import stat
from pathlib import Path

import pytest
from filelock import FileLock
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from klk_daemon.metrics import Metrics, textfile


def read(path: Path) -> dict[tuple[str, ...], float]:
    """Name and label values (by label, in order) to value, as node_exporter would read them."""
    families: list[Metric] = list(text_string_to_metric_families(path.read_text(encoding="utf-8")))
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def one_run(path: Path, *, seconds: float = 3.0, tienda: str = "tienda_01") -> None:
    """What one trigger counts, put into the file."""
    metrics = Metrics(CollectorRegistry(), version="1")
    metrics.runs.labels("ventas", "exitoso").inc()
    metrics.run_duration.labels("ventas").observe(seconds)
    metrics.rows.labels("ventas", tienda, "insertados").inc(10)
    metrics.watermark.labels(tienda).set(seconds)
    textfile.add(path, metrics.registry, lock=path.with_name("lock"), tiendas={"tienda_01", "tienda_08"})


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "klk.prom"


def test_counts_add_up(path: Path) -> None:
    """Counters and histograms of three processes are their sum; gauges are the newest."""
    for seconds in (3.0, 40.0, 50.0):
        one_run(path, seconds=seconds)
    held = read(path)
    assert held["klk_runs_total", "exitoso", "ventas"] == 3
    assert held["klk_run_duration_seconds_count", "ventas"] == 3
    assert held["klk_run_duration_seconds_sum", "ventas"] == 93
    assert held["klk_run_duration_seconds_bucket", "ventas", "5.0"] == 1
    assert held["klk_run_duration_seconds_bucket", "ventas", "60.0"] == 3
    assert held["klk_rows_total", "ventas", "tienda_01", "insertados"] == 30
    assert held["klk_watermark_timestamp_seconds", "tienda_01"] == 50


def test_other_stores_are_kept(path: Path) -> None:
    """What an earlier process told of another store stays; the gauges of one that is run no longer do not."""
    one_run(path, tienda="tienda_08")
    one_run(path, tienda="tienda_99")
    one_run(path)
    held = read(path)
    assert held["klk_rows_total", "ventas", "tienda_08", "insertados"] == 10
    assert held["klk_watermark_timestamp_seconds", "tienda_08"] == 3
    assert held["klk_rows_total", "ventas", "tienda_99", "insertados"] == 10
    assert ("klk_watermark_timestamp_seconds", "tienda_99") not in held


def test_readable_by_everybody(path: Path) -> None:
    """node_exporter runs as another user; nothing else is left in the folder, least of all a second *.prom."""
    one_run(path)
    one_run(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert {p.name for p in path.parent.iterdir()} - {"lock"} == {"klk.prom"}


def test_two_processes_at_once(path: Path) -> None:
    """Neither loses what the other has counted."""
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=one_run, args=(path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert read(path)["klk_runs_total", "exitoso", "ventas"] == 3


def test_unreadable_file_begins_anew(path: Path) -> None:
    """A file that is no metrics is replaced, and the log says so."""
    path.write_bytes(b"klk_runs_total{job=\xff 1\n")
    with capture_logs() as events:
        one_run(path)
    assert [e["event"] for e in events] == ["textfile_ilegible"]
    assert read(path)["klk_runs_total", "exitoso", "ventas"] == 1


def test_other_bounds_begin_anew(path: Path) -> None:
    """A histogram whose bounds an older version had otherwise starts again at 0: its parts would not fit together."""
    one_run(path)
    text = path.read_text(encoding="utf-8").replace('job="ventas",le="60.0"', 'job="ventas",le="61.0"')
    path.write_text(text, encoding="utf-8")
    one_run(path)
    assert read(path)["klk_run_duration_seconds_count", "ventas"] == 1
    assert read(path)["klk_runs_total", "exitoso", "ventas"] == 2


def test_the_daemon_takes_over(path: Path) -> None:
    """Gauges leave the file, as the daemon tells them; the counters wait for the next trigger."""
    textfile.retire(path, lock=path.with_name("lock"))
    assert not path.exists()
    one_run(path)
    textfile.retire(path, lock=path.with_name("lock"))
    held = read(path)
    assert ("klk_watermark_timestamp_seconds", "tienda_01") not in held
    assert held["klk_runs_total", "exitoso", "ventas"] == 1
    one_run(path)
    assert read(path)["klk_runs_total", "exitoso", "ventas"] == 2


def test_a_folder_that_is_not_there(path: Path) -> None:
    """It is not made: whoever reads there has made it."""
    with pytest.raises(FileNotFoundError):
        one_run_into_nowhere(path.parent / "no" / "klk.prom", path.with_name("lock"))
    assert not (path.parent / "no").exists()


def one_run_into_nowhere(path: Path, lock: Path) -> None:
    """A file in a folder that is not there."""
    textfile.add(path, Metrics(CollectorRegistry(), version="1").registry, lock=lock, tiendas=())


def test_somebody_else_writes_too_long(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that hangs while it holds the file keeps nobody for long, and the file stays as it was."""
    monkeypatch.setattr(textfile, "LOCK_S", 0.1)
    one_run(path)
    before = path.read_bytes()
    with FileLock(path.with_name("lock")), pytest.raises(OSError, match="lock"):
        one_run(path)
    assert path.read_bytes() == before
