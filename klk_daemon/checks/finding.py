"""One finding of `klk-daemon check`."""

from dataclasses import dataclass
from enum import StrEnum

from klk_daemon.errors import KlkError


class Grado(StrEnum):
    """How it stands: only `fail` makes the command fail."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Hallazgo:
    """What was looked at, how it stands, and what to do about it."""

    check: str
    estado: Grado
    mensaje: str
    remedio: str = ""


def ok(check: str, mensaje: str) -> Hallazgo:
    """All is well."""
    return Hallazgo(check, Grado.OK, mensaje)


def warn(check: str, mensaje: str, remedio: str = "") -> Hallazgo:
    """Runs succeed, but somebody should look; or it could not be looked at, and why."""
    return Hallazgo(check, Grado.WARN, mensaje, remedio)


def fail(check: str, mensaje: str, remedio: str = "") -> Hallazgo:
    """Runs fail, or will."""
    return Hallazgo(check, Grado.FAIL, mensaje, remedio)


def told(error: KlkError) -> tuple[str, str]:
    """What an error says, and what it says to do."""
    return str(error.args[0]), error.hint


def unwatched(check: str, why: str) -> Hallazgo:
    """A check that could not be made."""
    return warn(check, f"not checked: {why}")
