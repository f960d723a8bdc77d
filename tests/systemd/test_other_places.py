"""Services elsewhere than in /var: databases in a home, other users, a user's own service, and the crontab."""

import pytest

from .machine import CONFIG, DATA, LOGS, PROGRAM, SIMULATOR, UNIT, Machine, repository

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(600)]

CRONTAB = """\
# Edit this file to introduce tasks to be run by cron.
# m h  dom mon dow   command
MAILTO=ana@example.org
# KLK: inventario y ventas
*/30 * * * * /home/ana/fluxion/cron_klk_realtime.sh inventario >> /tmp/klk.log 2>&1
5,35 * * * * /home/ana/fluxion/cron_klk_realtime.sh ventas >> /tmp/klk.log 2>&1

# copia de seguridad
0 4 * * * /usr/local/bin/copia
"""
WITHOUT = """\
# Edit this file to introduce tasks to be run by cron.
# m h  dom mon dow   command
MAILTO=ana@example.org

# copia de seguridad
0 4 * * * /usr/local/bin/copia
"""


def configuration(database: str, logs: str) -> str:
    """A configuration on the simulator."""
    text = repository("config/klk.toml").replace("http://190.6.32.3:7002", SIMULATOR)
    text = text.replace("../data/fluxion_production.db", database).replace('"../logs"', f'"{logs}"')
    return text.replace("port = 8765", "port = 0")


def test_database_in_a_closed_home(machine: Machine) -> None:
    """A database in somebody's home is refused with a reason, and reachable for a service that runs as that user."""
    machine.run("install -d -o ana -g ana -m 0700 /home/ana /home/ana/klk /home/ana/klk/datos")
    config = "/home/ana/klk/klk.toml"
    machine.write(config, configuration("/home/ana/klk/datos/klk.db", "/home/ana/klk/logs"))
    told = machine.klk(f"--config {config} service install --system", code=1).out
    assert f"the user klk cannot read the configuration {config}" in told
    machine.run("chmod 755 /home/ana/klk")
    told = machine.klk(f"--config {config} service install --system", code=1).out
    assert "the user klk cannot write into /home/ana/klk/datos" in told
    assert "--run-as" in told
    assert not machine.exists(UNIT)
    assert not machine.exists("/etc/klk-daemon")
    machine.klk(f"--config {config} service install --system --run-as ana")
    machine.until(lambda: machine.both_jobs_ran("/home/ana/klk/datos/klk.db"), "both jobs")
    unit = machine.read(UNIT)
    assert "ProtectHome=tmpfs" in unit
    assert "BindPaths=/home/ana/klk/datos /home/ana/klk/logs" in unit
    seen = machine.run(f"nsenter -t {machine.pid} -m ls -A /home /home/ana /root").out
    assert ".bashrc" not in seen
    assert machine.run(f"systemd-analyze verify {UNIT}").out == ""
    machine.klk("service uninstall --system")
    assert machine.exists(config)
    machine.run(f"rm -rf {DATA} {LOGS}")


def test_database_on_another_disk(machine: Machine) -> None:
    """A database elsewhere, /tmp even, is written to; its folders are made for the service's user."""
    machine.run("mkdir -p /etc/klk-daemon")
    machine.write(CONFIG, configuration("/srv/con espacio/50%/klk.db", "/tmp/klk/logs"))
    machine.run(f"chmod 600 {CONFIG}")
    machine.klk("service install --system --run-as tienda")
    machine.until(lambda: machine.both_jobs_ran("/srv/con espacio/50%/klk.db"), "both jobs")
    assert machine.run("stat -c '%U %a' '/srv/con espacio/50%' /tmp/klk/logs").out.splitlines() == ["tienda 750"] * 2
    assert machine.run("ls /tmp/klk/logs").out
    machine.klk("service uninstall --system")
    assert machine.exists(CONFIG)  # the operator's own
    machine.run(f"rm -rf {DATA} {LOGS} /srv/* /tmp/klk /etc/klk-daemon; userdel tienda")


def test_program_out_of_reach(machine: Machine) -> None:
    """A program that the service's user could not start is refused, with a way out."""
    machine.run("cp -a /opt/klk-daemon /root/closed && chmod 700 /root/closed")
    machine.run("sed -i 's#/opt/klk-daemon#/root/closed#' /root/closed/bin/klk-daemon /root/closed/pyvenv.cfg")
    told = machine.run("/root/closed/bin/klk-daemon service install --system", code=1).out
    assert "the user klk cannot run klk-daemon: /root/closed is closed to it" in told
    assert "/opt/klk-daemon" in told
    machine.run("chmod 755 /root/closed")
    machine.run("/root/closed/bin/klk-daemon service install --system")
    assert machine.show("ActiveState") == ["active"]
    assert "BindReadOnlyPaths=/root/closed" in machine.read(UNIT)
    machine.run("/root/closed/bin/klk-daemon service uninstall --system")
    machine.run(f"rm -rf /root/closed {DATA} {LOGS}; userdel klk")
    assert not machine.exists("/etc/klk-daemon")


def test_user_service_and_crontab(machine: Machine) -> None:
    """A user installs its own service without root, takes the old cron's lines out, and removes it again."""
    machine.run("loginctl enable-linger ana")
    machine.until(lambda: machine.exists("/run/user/$(id -u ana)/systemd/private"), "ana's manager")
    machine.write("/opt/crontab", CRONTAB)
    machine.run("crontab /opt/crontab", user="ana")
    machine.run("install -D -o ana -g ana /dev/null /home/ana/.config/klk-daemon/klk.toml")
    database = "/home/ana/.local/share/klk-daemon/klk.db"
    machine.write(
        "/home/ana/.config/klk-daemon/klk.toml", configuration(database, "/home/ana/.local/state/klk-daemon/log")
    )
    machine.run("chown -R ana: /home/ana/.config")
    told = machine.klk("service install --replace-cron", user="ana").out
    machine.until(lambda: machine.both_jobs_ran(database), "both jobs")
    assert "active (running)" in told
    assert machine.run("crontab -l", user="ana").out == WITHOUT.strip()
    assert machine.run("cat /home/ana/.local/state/klk-daemon/crontab.2*").out == CRONTAB.strip()
    assert machine.run("systemd-analyze --user verify ~/.config/systemd/user/klk-daemon.service", user="ana").out == ""
    pid = machine.run("systemctl --user show -P MainPID klk-daemon", user="ana").out
    machine.run(f"kill -9 {pid}")
    machine.until(
        lambda: (
            machine.run("systemctl --user show -P MainPID klk-daemon", user="ana").out not in {"0", pid}
            and "active (running)" in machine.klk("service status", user="ana", code=None).out
        ),
        "the restart",
        seconds=10,
    )
    again = machine.klk("service install --replace-cron", user="ana").out
    assert again.startswith("the service is in place already\nthe crontab has no lines")
    machine.klk("service uninstall", user="ana")
    assert machine.run("systemctl --user list-unit-files --no-legend 'klk-daemon*'", user="ana", code=None).out == ""
    assert machine.exists(database)


def test_without_root(machine: Machine) -> None:
    """The system's service without root is refused with the command to give."""
    told = machine.klk("service install --system", user="ana", code=1).out
    assert f"sudo {PROGRAM} service install --system" in told
