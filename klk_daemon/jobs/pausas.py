"""Pause marks: jobs that the schedule leaves alone. A file, so that they survive a restart and need no daemon."""

import json
import os
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path

from klk_daemon.domain import Job

NAME = "pausas.json"


class Pausas:
    """The marks of one state directory, at `folder`. Instants are aware."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    def vigentes(self, now: datetime) -> dict[Job, datetime | None]:
        """Job to the instant at which its pause ends by itself; None where it does not."""
        return {job: hasta for job, hasta in self._leer().items() if hasta is None or hasta > now}

    def poner(self, jobs: Collection[Job], hasta: datetime | None) -> None:
        """Pauses jobs, until told or until `hasta`."""
        self._escribir({**self._leer(), **dict.fromkeys(jobs, hasta)})

    def quitar(self, jobs: Collection[Job]) -> None:
        """Ends their pauses."""
        self._escribir({job: hasta for job, hasta in self._leer().items() if job not in jobs})

    def _leer(self) -> dict[Job, datetime | None]:
        if not self._path.exists():
            return {}
        marks: dict[str, str | None] = json.loads(self._path.read_text(encoding="utf-8"))
        return {Job(job): datetime.fromisoformat(hasta) if hasta else None for job, hasta in marks.items()}

    def _escribir(self, marks: Mapping[Job, datetime | None]) -> None:
        """Whole or not at all: a reader never sees half a file."""
        partial = self._path.with_suffix(".part")
        partial.touch(mode=0o600)
        text = json.dumps({str(job): hasta.isoformat() if hasta else None for job, hasta in marks.items()})
        with partial.open("w", encoding="utf-8") as f:
            f.write(text)
            f.flush()
            os.fsync(f.fileno())
        partial.replace(self._path)
