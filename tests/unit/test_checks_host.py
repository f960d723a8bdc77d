"""The service, and what the old cron left."""

from pathlib import Path

from klk_daemon.checks.finding import Grado
from klk_daemon.checks.host import old_cron, service

SCRIPT = "cron_klk_realtime.sh"
CRON_D = Path("/etc/cron.d/klk")


def test_the_service() -> None:
    """Where its file is, and whether the daemon runs; a warning with the command where there is none."""
    absent = service(None, daemon_pid=None)
    assert (absent.estado, absent.mensaje) == (Grado.WARN, "not installed; the daemon does not run")
    assert "service install" in absent.remedio
    found = service(Path("/etc/systemd/system/klk-daemon.service"), daemon_pid=7)
    assert found.estado is Grado.OK
    assert found.mensaje == "/etc/systemd/system/klk-daemon.service; the daemon runs (pid 7)"


def test_no_old_cron() -> None:
    """All is well."""
    assert old_cron(SCRIPT, lines=0, user="ana", system=[]).estado is Grado.OK


def test_the_users_crontab() -> None:
    """The command that removes them."""
    found = old_cron(SCRIPT, lines=2, user="ana", system=[])
    assert found.estado is Grado.WARN
    assert found.mensaje == "the crontab of ana still runs cron_klk_realtime.sh (2 jobs)"
    assert "`klk-daemon service install --replace-cron`" in found.remedio


def test_the_systems_crontab() -> None:
    """Lines of /etc are removed by hand; both ways are told where there are both."""
    found = old_cron(SCRIPT, lines=0, user="ana", system=[CRON_D])
    assert (found.estado, found.mensaje) == (Grado.WARN, "/etc/cron.d/klk still runs cron_klk_realtime.sh")
    assert "by hand" in found.remedio
    assert "--replace-cron" not in found.remedio
    both = old_cron(SCRIPT, lines=1, user="ana", system=[CRON_D])
    assert "(1 job)" in both.mensaje
    assert "/etc/cron.d/klk" in both.mensaje
    assert "--replace-cron" in both.remedio
    assert "by hand" in both.remedio
