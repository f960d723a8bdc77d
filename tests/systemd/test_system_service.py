"""The system service from its installation to its end, in the order of this file, on one machine."""

import time

import pytest

from .machine import CONFIG, DATA, DATABASE, LOGS, SIMULATOR, UNIT, Machine

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(600)]

DROP_IN = "/etc/systemd/system/klk-daemon.service.d"
TAZAJAL = 'id = "tienda_20"\nnombre = "TAZAJAL"\nsucursal = "SUC005"\nalmacenes = ["TTZ"]\nactiva = '
# What systemd, the package manager's tools and the user that owns the data leave on any machine.
TOLERATED = (
    "/etc/passwd",
    "/etc/group",
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/subuid",
    "/etc/subgid",
    "/var/log/journal",
)


@pytest.fixture(scope="module")
def service(machine: Machine) -> Machine:
    """The machine with the service installed on the simulator, as an operator does it."""
    machine.before = machine.files()
    machine.klk("service install --system --dry-run")
    assert machine.files() - machine.before == set()
    machine.klk("service install --system")
    machine.edit(CONFIG, "http://190.6.32.3:7002", SIMULATOR)
    machine.klk("service restart --system")
    machine.trigger("inventario")  # the first one met no KLK
    return machine


def test_installed_and_active(service: Machine) -> None:
    """`service install --system` makes a user, a configuration and a unit; the unit is active and both jobs run."""
    service.until(service.both_jobs_ran, "both jobs")
    assert service.show("ActiveState", "UnitFileState", "User", "Result") == ["active", "enabled", "klk", "success"]
    assert service.run(
        f"stat -c '%U:%G %a' {CONFIG} {UNIT} {DATA} {DATA}/state {DATABASE} {LOGS}"
    ).out.splitlines() == [
        "root:klk 640",
        "root:root 644",
        "klk:klk 750",
        "klk:klk 700",
        "klk:klk 640",
        "klk:klk 750",
    ]
    status = service.klk("service status --system").out
    assert "active (running)" in status
    assert f"pid {service.pid}" in " ".join(status.split())


def test_verified_and_hardened(service: Machine) -> None:
    """`systemd-analyze verify` has nothing to say about the installed unit, and `security` gives 1.5 or less."""
    assert service.run(f"systemd-analyze verify {UNIT}").out == ""
    score = service.run("systemd-analyze security klk-daemon.service --no-pager | tail -1").out
    assert float(score.split(":")[1].split()[0]) <= 1.5, score


def test_installing_again_changes_nothing(service: Machine) -> None:
    """The second `service install` leaves the running process alone."""
    pid = service.pid
    assert service.klk("service install --system").out.startswith("the service is in place already")
    assert service.pid == pid


def test_group_reads_database(service: Machine) -> None:
    """A member of the group klk reads the database and the logs; nobody else does."""
    service.run(f"runuser -u ana -- test -r {DATABASE}", code=1)
    service.run("usermod --append --groups klk ana")
    assert service.sql("SELECT count(*) > 0 FROM stock_actual", user="ana") == [[True]]
    service.run(f"cat {LOGS}/klk_inventario_*.log", user="ana")
    service.run("gpasswd --delete ana klk")


def test_kill_brings_it_back(service: Machine) -> None:
    """After `kill -9` it is active again within 10 s."""
    pid = service.pid
    service.run(f"kill -9 {pid}")
    took = service.until(lambda: service.pid not in {0, pid} and service.show("SubState") == ["running"], "the restart")
    assert took < 10


def test_stop_marks_cut_off_run(service: Machine) -> None:
    """`systemctl stop` takes less than 10 s, and the run that it cuts off is `interrumpido` in the ledger."""
    service.until(service.both_jobs_ran, "the jobs")
    cut_off = "SELECT count(*) FROM etl_ejecuciones WHERE etl_tipo = 'inventario' AND estado = 'fallido'"
    ((before,),) = service.sql(cut_off)
    service.post(f"{SIMULATOR}/_sim/latencia", '{"base": 20}')
    service.trigger("inventario")
    service.until(lambda: "etl_iniciado" in service.run(f"tail -n 1 {LOGS}/klk_inventario_*.log").out, "the run")
    began = time.monotonic()
    service.run("systemctl stop klk-daemon")
    assert time.monotonic() - began < 10
    assert service.show("Result", "ExecMainStatus") == ["success", "0"]
    assert service.klk("service status --system", code=1).out.count("inactive (dead)") == 1
    assert service.sql(cut_off) == [[before + 4]]
    assert service.sql("SELECT count(*) FROM etl_ejecuciones WHERE estado = 'en_proceso'") == [[0]]
    assert "interrumpido" in service.run(f"cat {LOGS}/klk_inventario_*.log").out
    service.post(f"{SIMULATOR}/_sim/latencia", '{"base": 0}')
    service.run("systemctl start klk-daemon")


def test_reload_adds_store(service: Machine) -> None:
    """`systemctl reload` takes a store in that was added to the configuration, in the same process."""
    service.edit(CONFIG, f"{TAZAJAL}true", f"{TAZAJAL}false")
    service.run("systemctl restart klk-daemon")
    pid = service.pid
    newest = "SELECT count(*) FROM etl_ejecuciones WHERE ubicacion_id = 'tienda_20' AND estado = 'exitoso'"
    before = service.sql(newest)
    service.edit(CONFIG, f"{TAZAJAL}false", f"{TAZAJAL}true")
    service.run("systemctl reload klk-daemon")
    service.until(lambda: "configuracion_recargada" in service.run(f"cat {LOGS}/klk_daemon_*.log").out, "the reload")
    service.trigger("inventario")
    service.until(lambda: service.sql(newest) > before, "a run of the new store")
    assert service.pid == pid
    assert service.show("ActiveState") == ["active"]


def test_watchdog_restarts_hanging_loop(service: Machine) -> None:
    """A loop that hangs is ended by the watchdog and started again; the journal shows where it hung."""
    service.run(f"mkdir -p {DROP_IN} && printf '[Service]\\nWatchdogSec=4\\n' > {DROP_IN}/quick.conf")
    service.run("systemctl daemon-reload && systemctl restart klk-daemon")
    time.sleep(9)
    pid = service.pid  # fed in time, it lives on
    assert service.show("NRestarts") == ["0"]
    service.run(f"kill -USR2 {pid}")
    service.until(lambda: service.pid not in {0, pid} and service.show("SubState") == ["running"], "the restart")
    journal = service.run("journalctl -u klk-daemon --no-pager -o cat").out
    assert "Watchdog timeout" in journal
    assert "klk_hang.py" in journal


def test_secrets_are_handed_over(service: Machine) -> None:
    """A file of root's in the folder of credentials is a setting of the daemon, and nobody else can read it."""
    service.run("umask 077; echo 30 > /etc/klk-daemon/credentials/API__TIMEOUT_S")
    service.run("systemctl restart klk-daemon")
    folder = f"/proc/{service.pid}/root/run/credentials/klk-daemon.service"
    assert service.run(f"cat {folder}/KLK_API__TIMEOUT_S").out == "30"
    service.run("runuser -u klk -- cat /etc/klk-daemon/credentials/API__TIMEOUT_S", code=1)
    service.run("rm /etc/klk-daemon/credentials/API__TIMEOUT_S")


def test_changed_unit_is_kept_and_replaced(service: Machine) -> None:
    """A unit that somebody edited is replaced, after a copy of it was put into the state directory."""
    service.edit(UNIT, "RestartSec=5", "RestartSec=55")
    service.run("systemctl daemon-reload")
    told = service.klk("service install --system").out
    assert "keep a copy" in told
    assert "RestartSec=55" in service.run(f"cat {DATA}/state/klk-daemon.service.2*").out
    assert "RestartSec=5\n" in service.read(UNIT)
    assert service.show("RestartUSec", "ActiveState") == ["5s", "active"]


def test_broken_configuration_is_told(service: Machine) -> None:
    """A configuration with a mistake is refused before anything is touched, with the key."""
    service.edit(CONFIG, "max_concurrency = 6", "max_concurrencia = 6")
    told = service.klk("service install --system", code=2).out
    assert "max_concurrencia" in told
    told = service.klk("service restart --system", code=1).out
    assert "refused its configuration" in told
    service.edit(CONFIG, "max_concurrencia = 6", "max_concurrency = 6")
    service.klk("service restart --system")


def test_uninstall_leaves_data_and_logs(service: Machine) -> None:
    """`service uninstall --system` leaves nothing but data and logs: among the data what the operator had edited."""
    told = service.klk("service uninstall --system").out
    assert "left where they are" in told
    left = {path for path in service.files() - service.before if not path.startswith((DATA, LOGS, *TOLERATED))}
    left = {path for path in left if "__pycache__" not in path and not path.startswith("/var/lib/systemd")}
    assert left == set()
    assert service.exists(DATABASE)
    assert SIMULATOR in service.read(f"{DATA}/klk.toml")
    assert service.run("systemctl list-unit-files --no-legend 'klk-daemon*'", code=None).out == ""
    assert service.show("LoadState", "ActiveState") == ["not-found", "inactive"]
    assert service.klk("service uninstall --system").out.startswith("no service is installed")
    service.klk("service status --system", code=1)


def test_installed_again_it_goes_on(service: Machine) -> None:
    """Installed anew, it takes the edited configuration and the data up again."""
    told = service.klk("service install --system").out
    assert f"move {DATA}/klk.toml to {CONFIG}" in told
    assert SIMULATOR in service.read(CONFIG)
    assert service.run(f"stat -c '%U:%G %a' {CONFIG}").out == "root:klk 640"
    service.klk("service uninstall --system")
    service.run(f"rm -rf {DATA} {LOGS}; userdel klk")
