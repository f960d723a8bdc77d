"""The files of deploy/, filled in for a place. Pure, but for reading them."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from klk_daemon.service.target import Kind, Places, Target

MARK = "# Put here by `klk-daemon service install`.\n"
# What a system service does not see of the machine.
_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
# What it has of its own, so that nothing of the machine's can be shown to it there.
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - named, not used


def shipped(name: str) -> str:
    """A file of deploy/ or config/ as shipped: inside the wheel, or beside the package in a checkout."""
    here = Path(__file__).parent
    places = (here / "deploy" / name, here.parents[1] / "deploy" / name, here.parents[1] / "config" / name)
    return next(path for path in places if path.is_file()).read_text(encoding="utf-8")


def configuration(places: Places) -> str:
    """A new configuration: the shipped one, with absolute paths fit for the place."""
    text = shipped("klk.toml")
    for key, path in (("path", places.database), ("dir", places.logs)):
        text = _put(text, rf'^({key} = )".*"$', json.dumps(str(path), ensure_ascii=False))
    return MARK + text


def unit(target: Target) -> str:
    """The systemd unit or launchd agent of a target."""
    kind = target.places.kind
    if kind is Kind.AGENT:
        return _agent(target)
    return _system_unit(target) if kind is Kind.SYSTEM else _user_unit(target)


def _user_unit(target: Target) -> str:
    return _with(
        shipped("systemd/user/klk-daemon.service"),
        {
            "ExecStart": [_command(target.command)],
            "Environment": ["PYTHONFAULTHANDLER=1", _word(f"KLK_STATE_DIR={target.places.state}")],
            "TimeoutStartSec": [str(target.start_timeout_s)],
        },
    )


def _system_unit(target: Target) -> str:
    places = target.places
    elsewhere = tuple(path for path in target.writes if not any(path.is_relative_to(m) for m in places.managed))
    bound = [path for path in elsewhere if hidden(path)]
    shown = [path for path in _outermost((*target.program.folders, target.config.parent)) if hidden(path)]
    needed = (*elsewhere, *target.program.folders, target.config)
    temporary = any(path.is_relative_to(place) for path in needed for place in _TEMPORARY)
    return _with(
        shipped("systemd/klk-daemon.service"),
        {
            "RequiresMountsFor": [_words(_outermost((places.data, places.logs, *elsewhere)))],
            "ExecStart": [_command(target.command)],
            "TimeoutStartSec": [str(target.start_timeout_s)],
            "User": [target.user],
            "Group": [target.group],
            "Environment": ["PYTHONFAULTHANDLER=1", f"KLK_STATE_DIR={places.state}"],
            "LoadCredential": [f"KLK:{places.credentials}"],
            "ReadWritePaths": [_words(_outermost(path for path in elsewhere if path not in bound))],
            "ProtectHome": ["tmpfs" if bound or shown else "yes"],
            "BindPaths": [_words(_outermost(bound))],
            "BindReadOnlyPaths": [_words(path for path in shown if not any(path.is_relative_to(b) for b in bound))],
            "PrivateTmp": ["no" if temporary else "yes"],
            "ExecPaths": [" ".join(["/usr /lib -/lib64 /bin", _words(_outermost(target.program.folders))])],
        },
    )


def hidden(path: Path) -> bool:
    """Whether a system service does not see this path unless it is shown to it."""
    return any(path.is_relative_to(home) for home in _HOMES)


def _agent(target: Target) -> str:
    places = target.places
    text = shipped("launchd/local.klk-daemon.plist")
    program = "".join(f"\n        <string>{escape(word)}</string>" for word in target.command)
    text = _put(text, r"(<key>ProgramArguments</key>\s*<array>)(?:\s*<string>[^<]*</string>)+", program)
    values = {
        "KLK_STATE_DIR": places.state,
        "WorkingDirectory": target.config.parent,
        "StandardOutPath": places.logs / "launchd.out.log",
        "StandardErrorPath": places.logs / "launchd.err.log",
    }
    for key, path in values.items():
        text = _put(text, rf"(<key>{key}</key>\s*<string>)[^<]*", escape(str(path)))
    return text


def _put(text: str, pattern: str, value: str) -> str:
    """The text with `value` behind the pattern's one group, in place of what the pattern matches there."""
    text, found = re.subn(pattern, lambda match: f"{match[1]}{value}", text, flags=re.MULTILINE)
    assert found == 1, pattern
    return text


def _with(text: str, values: Mapping[str, Sequence[str]]) -> str:
    """A unit with other values: the n-th line of a directive gets the n-th value."""
    left = {key: list(given) for key, given in values.items()}
    lines = []
    for line in text.splitlines():
        key, equals, _ = line.partition("=")
        known = bool(equals) and key in left
        assert not known or left[key], f"more lines of {key} than values"
        lines.append(f"{key}={left[key].pop(0)}" if known else line)
    assert not any(left.values()), left
    return "\n".join(lines) + "\n"


def _command(command: Sequence[str]) -> str:
    program, *arguments = command
    # Only in arguments is $ the beginning of a variable.
    return " ".join([_word(program), *(_word(word).replace("$", "$$") for word in arguments)])


def _words(paths: Iterable[Path]) -> str:
    return " ".join(_word(str(path)) for path in paths)


def _word(text: str) -> str:
    """One word of a unit file (systemd.syntax(7)): specifiers doubled, quoted where it must be."""
    text = text.replace("%", "%%")
    if re.fullmatch(r"[^\s\"'\\;]+", text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """Each folder once, and none that lies in another."""
    distinct = dict.fromkeys(paths)
    return [path for path in distinct if not any(path != other and path.is_relative_to(other) for other in distinct)]
