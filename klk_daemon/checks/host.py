"""The machine: whether klk-daemon is installed as a service, and what the old cron pipeline left behind. Pure."""

from collections.abc import Sequence
from pathlib import Path

from klk_daemon.checks.finding import Hallazgo, ok, warn


def service(unit: Path | None, *, daemon_pid: int | None) -> Hallazgo:
    """Whether a service manager starts the daemon.

    Args:
        unit: the service's file, if there is one.
        daemon_pid: the running daemon's.
    """
    running = f"the daemon runs (pid {daemon_pid})" if daemon_pid else "the daemon does not run"
    if unit is None:
        return warn("service", f"not installed; {running}", "`klk-daemon service install` has it started at boot")
    return ok("service", f"{unit}; {running}")


def old_cron(script: str, *, lines: int, user: str, system: Sequence[Path]) -> Hallazgo:
    """Jobs of the old pipeline.

    Args:
        script: what they run.
        lines: how many there are in the crontab of `user`.
        user: whose crontab was looked at.
        system: the machine's own cron files that have some.
    """
    files = ", ".join(map(str, system))
    by_hand = f"remove the lines in {files} by hand, as root" if system else ""
    if not lines and not system:
        return ok("old cron", f"no cron job runs {script}")
    if not lines:
        return warn("old cron", f"{files} still runs {script}", by_hand)
    remedies = ["`klk-daemon service install --replace-cron` removes them", *([by_hand] if by_hand else [])]
    jobs = "1 job" if lines == 1 else f"{lines} jobs"
    also = f", and {files}," if system else ""
    return warn("old cron", f"the crontab of {user}{also} still runs {script} ({jobs})", "; ".join(remedies))
