"""`klk-daemon service` as a process, on a machine whose service manager and cron only take notes."""

import os
import plistlib
import pwd
import sys
from pathlib import Path

import pytest

from .service_host import ON_MAC, UNIT, Host

CRONTAB = "MAILTO=a@b\n# KLK\n0 * * * * /x/cron_klk_realtime.sh ventas\n\n0 4 * * * /y/copia \xff\n".encode("latin-1")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A Linux machine of a user without a configuration."""
    for name in ("CONFIG", "STATE", "DATA", "CACHE"):
        monkeypatch.delenv(f"XDG_{name}_HOME")
    monkeypatch.delenv("SUDO_USER", raising=False)
    host = Host(tmp_path / "home", tmp_path / "bin")
    host.prepare()
    return host


@pytest.fixture
def mac(host: Host) -> Host:
    """The same machine, from Apple."""
    host.launcher = (sys.executable, "-c", ON_MAC)
    return host


def test_install_for_a_user(host: Host) -> None:
    """A new user gets configuration, folders and unit; the manager reads, enables and starts it; lingering is on."""
    told = host.run("service", "install")
    assert host.calls == [
        "systemctl --user daemon-reload",
        f"systemctl --user enable {UNIT}",
        f"systemctl --user restart {UNIT}",
        f"loginctl enable-linger {pwd.getpwuid(os.geteuid()).pw_name}",
    ]
    unit = (host.home / ".config/systemd/user" / UNIT).read_text(encoding="utf-8")
    assert f"--config {host.home}/.config/klk-daemon/klk.toml run" in unit
    assert "ExecStart=/" in unit
    assert (host.home / ".config/klk-daemon/klk.toml").stat().st_mode & 0o777 == 0o600
    assert (host.home / ".local/state/klk-daemon").stat().st_mode & 0o777 == 0o700
    assert "active (running)" in told
    host.run("config", "validate")


def test_install_twice_and_after_an_update(host: Host) -> None:
    """The second time nothing happens; a unit that was edited is replaced, and kept in the state directory."""
    host.run("service", "install")
    before = host.files()
    _ = host.calls
    assert host.run("service", "install").startswith("the service is in place already")
    assert host.calls == []
    assert host.files() == before
    unit = host.home / ".config/systemd/user" / UNIT
    unit.write_text("mine\n", encoding="utf-8")
    host.run("service", "install")
    assert host.calls[-1] == f"systemctl --user restart {UNIT}"
    (kept,) = (host.home / ".local/state/klk-daemon").glob(f"{UNIT}.*")
    assert kept.read_text(encoding="utf-8") == "mine\n"


def test_dry_run_does_nothing(host: Host) -> None:
    """`--dry-run` shows files and commands, writes none and calls none; on a machine without systemd, too."""
    (host.bin / "crontab.txt").write_bytes(CRONTAB)
    told = host.run("service", "install", "--replace-cron", "--dry-run")
    assert host.calls == ["crontab -l"]
    assert host.files() == set()
    assert f"would run systemctl --user restart {UNIT}" in told
    assert "    Type=notify" in told
    assert "    - 0 * * * * /x/cron_klk_realtime.sh ventas" in told
    told = host.run("service", "install", "--system", "--dry-run", PATH="/nowhere")
    assert "would write /etc/systemd/system/klk-daemon.service" in told
    assert host.run("service", "uninstall", "--dry-run", PATH="/nowhere").startswith("no service is installed")


def test_named_configuration(host: Host) -> None:
    """`--config` is what the service reads: absolute, checked first, and never taken away."""
    host.run("service", "install", "--config", "gone.toml", code=2)
    (host.home / "mine.toml").write_text('[api]\nbase_url = "http://127.0.0.1:1"\n', encoding="utf-8")
    assert "[[tiendas]]" in host.run("service", "install", "--config", "mine.toml", code=2)
    assert host.calls == []
    with (host.home / "mine.toml").open("a", encoding="utf-8") as f:
        f.write('[database]\npath="d/klk.db"\nlock_timeout_s=600\n[[tiendas]]\nid="a"\nsucursal="S"\nalmacenes=["A"]\n')
    host.run("service", "install", KLK_CONFIG="mine.toml")
    unit = (host.home / ".config/systemd/user" / UNIT).read_text(encoding="utf-8")
    assert f"--config {host.home}/mine.toml run" in unit
    assert "TimeoutStartSec=780" in unit
    assert (host.home / "d").is_dir()
    host.run("service", "uninstall")
    assert (host.home / "mine.toml").exists()
    assert "--set does not go" in host.run("service", "install", "--set", "api.timeout_s=3", code=2)
    assert "--run-as goes with --system" in host.run("service", "install", "--run-as", "ana", code=2)


def test_configuration_of_the_working_directory(host: Host) -> None:
    """A service has no working directory: `./config/klk.toml` is left alone, and that is said."""
    (host.home / "config").mkdir()
    (host.home / "config/klk.toml").write_text("", encoding="utf-8")
    told = host.run("service", "install")
    assert f"the service does not read {host.home}/config/klk.toml: --config config/klk.toml makes it" in told
    assert (host.home / ".config/klk-daemon/klk.toml").exists()


def test_uninstall_keeps_what_was_edited(host: Host) -> None:
    """The configuration goes as it came; an edited one is kept among the data, and comes back with the service."""
    host.run("service", "install")
    host.run("service", "uninstall")
    assert host.calls[4:] == [
        f"systemctl --user disable --now {UNIT}",
        "systemctl --user daemon-reload",
        f"systemctl --user reset-failed {UNIT}",
    ]
    assert host.files() == set()
    host.run("service", "install")
    config = host.home / ".config/klk-daemon/klk.toml"
    edited = config.read_text(encoding="utf-8").replace("190.6.32.3", "10.0.0.1")
    config.write_text(edited, encoding="utf-8")
    changes = host.home / ".config/systemd/user" / f"{UNIT}.d"
    changes.mkdir()
    (changes / "override.conf").write_text("[Service]\nNice=5\n", encoding="utf-8")
    host.run("service", "uninstall")
    assert not config.parent.exists()
    assert not changes.exists()
    assert any(name.endswith("override.conf") for name in host.files())
    host.run("service", "install")
    assert config.read_text(encoding="utf-8") == edited


def test_replace_cron(host: Host) -> None:
    """The old lines go after a copy was saved; every other byte stays; the second time there is nothing to do."""
    tab = host.bin / "crontab.txt"
    assert "no lines of cron_klk_realtime.sh" in host.run("service", "install", "--replace-cron")
    tab.write_bytes(CRONTAB)
    host.run("service", "install", "--replace-cron")
    assert tab.read_bytes() == b"MAILTO=a@b\n\n0 4 * * * /y/copia \xff\n"
    (copy,) = (host.home / ".local/state/klk-daemon").glob("crontab.*")
    assert copy.read_bytes() == CRONTAB
    assert copy.stat().st_mode & 0o777 == 0o600
    _ = host.calls
    host.run("service", "install", "--replace-cron")
    assert host.calls == ["crontab -l"]
    (host.bin / "crontab").unlink()
    told = host.run("service", "install", "--replace-cron", code=1, PATH=f"{host.bin}:/nowhere")
    assert "there is no crontab — no cron is installed" in told


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone reads another's crontab")
def test_replace_cron_behind_sudo(host: Host) -> None:
    """Behind sudo the crontab of the one who called it is looked at, too."""
    tab = host.bin / "crontab.txt"
    tab.write_bytes(CRONTAB)
    host.run("service", "install", "--replace-cron", SUDO_USER="ana")
    assert [call for call in host.calls if "crontab" in call] == [
        *("crontab -l", "crontab -u ana -l", "crontab -", "crontab -u ana -")
    ]
    assert len([*(host.home / ".local/state/klk-daemon").glob("crontab-ana.*")]) == 1


def test_status_and_restart(host: Host) -> None:
    """`status` is one block, 0 where the service is active and 1 where not; `restart` needs one."""
    assert "not installed" in host.run("service", "status", code=1)
    assert "not installed" in host.run("service", "restart", code=1)
    host.run("service", "install")
    told = host.run("service", "status").splitlines()
    assert [line.split("  ")[0] for line in told] == [
        *("service", "unit", "at boot", "active", "says", "pid", "restarts", "last exit")
    ]
    assert told[3] == "active     active (running), since Mon 2025-11-17 09:00:01 -04"
    assert told[7] == "last exit  signal 9, Mon 2025-11-17 09:00:00 -04"
    _ = host.calls
    host.run("service", "restart")
    assert host.calls == [f"systemctl --user restart {UNIT}"]
    (host.bin / "on").unlink()
    assert "inactive (dead)" in host.run("service", "status", code=1)


@pytest.mark.parametrize(
    ("complaint", "hint"),
    [
        ("Failed to connect to bus: No medium found", "log in as it"),
        ("System has not been booted with systemd as init system (PID 1). Can't operate.", "not run by systemd"),
        ("Failed to reload daemon: Access denied", "use sudo"),
    ],
)
def test_complaints_are_translated(host: Host, complaint: str, hint: str) -> None:
    """What systemctl complains about is one sentence with a way out, before anything is written."""
    (host.bin / "systemctl.broken").write_text(complaint, encoding="utf-8")
    told = host.run("service", "install", code=1)
    assert told.count("\n") == 1
    assert hint in told
    assert host.files() == set()


def test_no_service_manager(host: Host) -> None:
    """Without systemd the command says so in one sentence."""
    told = host.run("service", "install", code=1, PATH="/nowhere")
    assert told == (
        "klk-daemon: error: there is no systemctl — this machine is not run by systemd: start `klk-daemon run` some "
        "other way\n"
    )


def test_agent_on_macos(mac: Host) -> None:
    """The agent is booted into the login session, replaced after `bootout`, shown, kicked, and removed."""
    domain = f"gui/{os.getuid()}"
    agent = f"{domain}/local.klk-daemon"
    plist = mac.home / "Library/LaunchAgents/local.klk-daemon.plist"
    told = mac.run("service", "install")
    assert mac.calls == [f"launchctl enable {agent}", f"launchctl bootstrap {domain} {plist}"]
    assert "active     running" in told
    assert "pid        42" in told
    loaded = plistlib.loads(plist.read_bytes())
    assert loaded["Label"] == "local.klk-daemon"
    assert Path(loaded["StandardErrorPath"]).parent.is_dir()
    assert mac.run("service", "install").startswith("the service is in place already")
    assert mac.calls == []
    plist.write_text("mine", encoding="utf-8")
    mac.run("service", "install")
    boot = [f"launchctl enable {agent}", f"launchctl bootstrap {domain} {plist}"]
    assert mac.calls == [f"launchctl bootout {agent}", *boot]
    mac.run("service", "restart")
    assert mac.calls == [f"launchctl kickstart -k {agent}"]
    mac.run("service", "status")
    assert "--system is for systemd" in mac.run("service", "install", "--system", code=2)
    mac.run("service", "uninstall")
    assert mac.calls == [f"launchctl bootout {agent}"]
    assert not plist.exists()
    mac.run("service", "status", code=1)
