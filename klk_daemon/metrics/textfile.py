"""A file for node_exporter's textfile collector: how a process that is soon gone tells Prometheus what it did.

A trigger lives for seconds, so its own counters would say 1, then 1 again, and Prometheus would see no difference. What
the file holds is therefore read back and added to. Gauges are replaced, but for those that nobody knows now.
"""

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import structlog
from filelock import FileLock
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

log = structlog.get_logger()

LOCK_S = 10.0
# node_exporter runs as a user of its own, whatever the umask here.
MODE = 0o644


def add(path: Path, registry: CollectorRegistry, *, lock: Path, tiendas: Collection[str]) -> None:
    """Adds a process's figures to the file; whole or not at all, and one process after the other.

    Args:
        path: the file; made where it is missing, its folder is not.
        registry: what this process has counted since it began.
        lock: a file in the state directory.
        tiendas: the ids of the stores that are run: no other's gauges are kept.

    Raises:
        OSError: the file or its folder cannot be read or written; what was there stays.
        filelock.Timeout: another process has been writing it for ten seconds (an OSError too).
    """
    with _locked(lock):
        before = {family.name: family for family in _read(path)}
        families = [_sum(family, before.get(family.name), tiendas) for family in registry.collect()]
        _replace(path, families)


def retire(path: Path, *, lock: Path) -> None:
    """Takes the gauges out of the file: a daemon tells them from now on, and old ones would pass for stale stores.

    The counters stay, for the trigger that comes when the daemon has gone.

    Raises:
        OSError: see `add`.
    """
    if not path.exists():
        return
    with _locked(lock):
        _replace(path, [family for family in _read(path) if family.type != "gauge"])


def _locked(path: Path) -> FileLock:
    return FileLock(path, timeout=LOCK_S, mode=0o600)


def _read(path: Path) -> list[Metric]:
    """What the file holds; nothing where there is none, or none that can be understood."""
    try:
        return list(text_string_to_metric_families(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return []
    except ValueError as e:
        log.warning("textfile_ilegible", archivo=str(path), error=str(e), remedio="its counters begin anew")
        return []


def _replace(path: Path, families: Iterable[Metric]) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}")  # node_exporter reads *.prom alone
    try:
        partial.write_bytes(generate_latest(_Families(families)))
        partial.chmod(MODE)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


class _Families(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


Key = tuple[str, frozenset[tuple[str, str]]]


def _sum(now: Metric, before: Metric | None, tiendas: Collection[str]) -> Metric:
    """A family of this process and the same of the file: counts added up, gauges as they are now."""
    held = _by_key(before.samples) if before is not None and _buckets(before) == _buckets(now) else {}
    total = Metric(now.name, now.documentation, now.type)
    for key, sample in _by_key(now.samples).items():
        earlier = held.pop(key, None)
        counts = earlier is not None and now.type != "gauge"
        total.samples.append(sample._replace(value=sample.value + earlier.value) if counts and earlier else sample)
    total.samples += _left(now, held.values(), tiendas)
    return total


def _left(now: Metric, samples: Iterable[Sample], tiendas: Collection[str]) -> Iterator[Sample]:
    """What the file knows and this process does not: every count, and the gauges of stores that are still run."""
    for sample in samples:
        if now.type != "gauge" or sample.labels.get("tienda") in tiendas:
            yield sample


def _by_key(samples: Iterable[Sample]) -> dict[Key, Sample]:
    return {(s.name, frozenset(s.labels.items())): s for s in samples}


def _buckets(family: Metric) -> set[str]:
    """A histogram's bounds: counts of other bounds (an older version's) cannot be added."""
    return {s.labels["le"] for s in family.samples if "le" in s.labels}
