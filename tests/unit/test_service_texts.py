"""The files of deploy/, as shipped and filled in: their directives, their keys, their quoting."""

import plistlib
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klk_daemon.service import target, texts
from klk_daemon.service.target import Program, Target
from klk_daemon.settings import load

REPOSITORY = Path(__file__).parents[2]
SYSTEM = target.system_places()
AGENT = target.agent_places(Path("/Users/ana"), {}, Path("/Users/ana/Library/Application Support/klk-daemon"))
USER = target.user_places(Path("/home/ana"), {}, Path("/home/ana/.local/state/klk-daemon"))
PROGRAM = Program(("/opt/klk-daemon/bin/klk-daemon",), (Path("/opt/klk-daemon"), Path("/usr")))


def system(*writes: str, **changes: Any) -> Target:
    """A system service that writes into these folders."""
    folders = tuple(Path(path) for path in writes) or (SYSTEM.data, SYSTEM.logs)
    return replace(Target(SYSTEM, PROGRAM, SYSTEM.config, folders, 300, "klk", "klk"), **changes)


def directives(text: str) -> dict[str, list[str]]:
    """Directive to its values, in order."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


def words(text: str) -> list[str]:
    """The words of a directive's value, as systemd reads them: quotes, backslashes, specifiers."""
    found = [quoted or bare for quoted, bare in re.findall(r'"((?:\\.|[^"])*)"|(\S+)', text)]
    return [re.sub(r"\\(.)", r"\1", word).replace("%%", "%") for word in found]


@pytest.mark.parametrize("name", ["klk-daemon.service", "user/klk-daemon.service"])
def test_every_directive_is_explained(name: str) -> None:
    """Each directive has a comment above it, or stands directly below one that has."""
    lines = (REPOSITORY / "deploy/systemd" / name).read_text(encoding="utf-8").splitlines()
    bare = [
        line
        for n, line in enumerate(lines)
        if "=" in line and not line.startswith("#") and not (lines[n - 1].startswith("#") or "=" in lines[n - 1])
    ]
    assert bare in (["Description=KLK to DuckDB: stock and sales of the stores", bare[-1]], bare[:2])
    assert [line for line in bare if not line.startswith(("Description=", "WantedBy="))] == [], bare


def test_system_unit_filled_in_is_the_shipped_one() -> None:
    """With everything in its usual place only the program's folders differ from the file that is copied by hand."""
    shipped = directives((REPOSITORY / "deploy/systemd/klk-daemon.service").read_text(encoding="utf-8"))
    ours = directives(texts.unit(system()))
    assert {key for key in shipped | ours if shipped.get(key) != ours.get(key)} == {"ExecPaths"}
    assert ours["ExecPaths"] == ["/usr /lib -/lib64 /bin /opt/klk-daemon /usr"]


def test_system_unit_is_what_the_issue_asks_for() -> None:
    """Type=notify, watchdog, state, logs, credentials, restart, umask, and a stop timeout above the drain."""
    unit = directives(texts.unit(system()))
    assert unit["Type"] == ["notify"]
    assert unit["ExecStart"] == ["/opt/klk-daemon/bin/klk-daemon --config /etc/klk-daemon/klk.toml run"]
    assert unit["UMask"] == ["0027"]
    assert unit["StateDirectory"] == ["klk-daemon klk-daemon/state"]
    assert unit["LogsDirectory"] == ["klk-daemon"]
    assert unit["LoadCredential"] == ["KLK:/etc/klk-daemon/credentials"]
    assert int(unit["TimeoutStopSec"][0]) > 10
    assert unit["Restart"] == ["always"]
    assert "RestartSteps" not in unit  # systemd 252 does not know it
    assert unit["ProtectHome"] == ["yes"]
    assert unit["ReadWritePaths"] == unit["BindPaths"] == unit["BindReadOnlyPaths"] == [""]


def test_database_elsewhere_is_writable() -> None:
    """Folders outside the usual ones are opened for writing, and their disks waited for."""
    unit = directives(texts.unit(system("/srv/klk", "/srv/klk/logs", "/var/lib/klk-daemon/sub")))
    assert unit["ReadWritePaths"] == ["/srv/klk"]
    assert unit["RequiresMountsFor"] == ["/var/lib/klk-daemon /var/log/klk-daemon /srv/klk"]
    assert unit["ProtectHome"] == ["yes"]
    assert unit["PrivateTmp"] == ["yes"]


def test_database_in_a_home_is_shown_alone() -> None:
    """Of a home the service sees the database, the configuration and the program, and nothing else."""
    program = Program(("/home/ana/venv/bin/klk-daemon",), (Path("/home/ana/venv"), Path("/usr")))
    config = Path("/home/ana/klk/klk.toml")
    unit = directives(texts.unit(system("/home/ana/klk/data", "/var/log/klk-daemon", program=program, config=config)))
    assert unit["ProtectHome"] == ["tmpfs"]
    assert unit["BindPaths"] == ["/home/ana/klk/data"]
    assert unit["BindReadOnlyPaths"] == ["/home/ana/venv /home/ana/klk"]
    assert unit["ReadWritePaths"] == [""]
    assert "/home/ana/venv" in unit["ExecPaths"][0].split()


def test_database_in_tmp_is_the_machines() -> None:
    """A private /tmp would hide a database that lies there."""
    unit = directives(texts.unit(system("/tmp/klk", "/var/log/klk-daemon")))
    assert unit["PrivateTmp"] == ["no"]
    assert unit["ReadWritePaths"] == ["/tmp/klk"]


@given(
    name=st.text(
        st.characters(min_codepoint=32, exclude_characters="/:\x7f", exclude_categories=["C", "Z"]), min_size=1
    )
)
def test_any_folder_is_quoted(name: str) -> None:
    """Whatever a folder is called, systemd reads that name, in paths and in the command."""
    folder = f"/srv/{name} x/$HOME"
    unit = directives(texts.unit(system(folder, config=Path(folder) / "klk.toml")))
    assert words(unit["ReadWritePaths"][0]) == [folder]
    command = [word.replace("$$", "$") for word in words(unit["ExecStart"][0])]
    assert command == ["/opt/klk-daemon/bin/klk-daemon", "--config", f"{folder}/klk.toml", "run"]


def test_user_unit_needs_no_privileges() -> None:
    """A user's manager gets no directive that asks for mounts, devices or other users; the state is this user's."""
    unit = directives(texts.unit(Target(USER, PROGRAM, USER.config, (USER.data, USER.logs), 900)))
    assert not {key for key in unit if key.startswith(("Protect", "Private", "ReadWrite", "Bind", "User", "Capab"))}
    assert unit["Environment"] == ["PYTHONFAULTHANDLER=1", "KLK_STATE_DIR=/home/ana/.local/state/klk-daemon"]
    assert unit["TimeoutStartSec"] == ["900"]
    assert unit["UMask"] == ["0027"]
    assert unit["WantedBy"] == ["default.target"]


def test_shipped_agent_has_launchds_keys() -> None:
    """The plist parses and has, with their types, the keys that launchd documents for an agent that stays up."""
    agent = plistlib.loads((REPOSITORY / "deploy/launchd/local.klk-daemon.plist").read_bytes())
    assert {key: type(value) for key, value in agent.items()} == {
        "Label": str,
        "ProgramArguments": list,
        "EnvironmentVariables": dict,
        "WorkingDirectory": str,
        "RunAtLoad": bool,
        "KeepAlive": bool,
        "ThrottleInterval": int,
        "ExitTimeOut": int,
        "ProcessType": str,
        "Umask": int,
        "StandardOutPath": str,
        "StandardErrorPath": str,
    }
    assert agent["ProcessType"] in {"Background", "Standard", "Adaptive", "Interactive"}
    assert agent["KeepAlive"] is agent["RunAtLoad"] is True
    assert agent["Umask"] == 0o027
    assert agent["ExitTimeOut"] > 10


def test_agent_filled_in() -> None:
    """The agent of a user has that user's folders, whatever XML thinks of their names."""
    program = Program(("/Users/ana & co/<klk>/bin/klk-daemon",))
    agent = plistlib.loads(texts.unit(Target(AGENT, program, AGENT.config, (AGENT.data, AGENT.logs), 300)).encode())
    assert agent["ProgramArguments"] == [*program.command, "--config", str(AGENT.config), "run"]
    assert agent["EnvironmentVariables"]["KLK_STATE_DIR"] == str(AGENT.state)
    assert agent["StandardErrorPath"] == "/Users/ana/Library/Logs/klk-daemon/launchd.err.log"
    assert "/Users/you" not in str(agent)


@pytest.mark.parametrize("places", [SYSTEM, USER, AGENT], ids=lambda places: str(places.kind))
def test_new_configuration_fits_its_place(places: target.Places, tmp_path: Path) -> None:
    """A new configuration is the shipped one with absolute paths, and it is a good one."""
    file = tmp_path / "klk.toml"
    file.write_text(texts.configuration(places), encoding="utf-8")
    settings = load(file, env={}).settings
    assert settings.database.path == str(places.database)
    assert settings.logs.dir == str(places.logs)
    shipped = tomllib.loads((REPOSITORY / "config/klk.toml").read_text(encoding="utf-8"))
    assert tomllib.loads(file.read_text(encoding="utf-8"))["tiendas"] == shipped["tiendas"]


def test_relative_xdg_folders_are_ignored() -> None:
    """The XDG specification: a relative folder counts as none."""
    env = {"XDG_CONFIG_HOME": "conf", "XDG_DATA_HOME": "/data"}
    places = target.user_places(Path("/home/ana"), env, Path("/state"))
    assert places.config == Path("/home/ana/.config/klk-daemon/klk.toml")
    assert places.data == Path("/data/klk-daemon")
