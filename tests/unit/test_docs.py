"""The documents say what the program does: every setting, command, option, metric and event, and none that is not."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import typer
from prometheus_client import CollectorRegistry

from klk_daemon.cli import app as program
from klk_daemon.metrics import Metrics
from klk_daemon.settings import documented_keys

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPERACION = (ROOT / "docs" / "operacion.md").read_text(encoding="utf-8")
RULES = (ROOT / "deploy" / "prometheus" / "klk-daemon.rules.yml").read_text(encoding="utf-8")
LABEL = re.compile(r"\{\{ \$labels\.(\w+) \}\}")
CALL = re.compile(r"klk-daemon ([a-z][^`|\n#>;,()]*)")
LOGS = {"debug", "info", "warning", "error", "critical", "exception"}


@cache
def commands() -> dict[str, Any]:
    """Command to parser, sub-commands with their group's name in front."""
    program._register(())
    root: Any = typer.main.get_command(program.app)
    found: dict[str, Any] = {}
    for name, command in root.commands.items():
        for inner, sub in getattr(command, "commands", {}).items():
            found[f"{name} {inner}"] = sub
        found[name] = command
    return found


def events() -> Iterator[str]:
    """Every event that is logged under a name of its own."""
    for path in (ROOT / "klk_daemon").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in LOGS
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "log"
                and isinstance(node.args[0], ast.Constant)
            ):
                yield str(node.args[0].value)


def calls() -> Iterator[tuple[str, list[str]]]:
    """Every call of the program that the documents show: the words after its name."""
    rules = " ".join(LABEL.sub(r"\1", RULES).split())
    for where, text in (("README.md", README), ("operacion.md", OPERACION), ("rules.yml", rules)):
        for call in CALL.findall(text):
            words = call.split()
            if words and (words[0] in commands() or where == "operacion.md"):
                yield where, words


def test_settings() -> None:
    """Each key stands in the README's table."""
    assert [key for key in documented_keys() if f"| `{key}` |" not in README] == []


def test_commands() -> None:
    """Each command stands in the README; groups by their sub-commands."""
    named = re.sub(r"`, `", "`\n`klk-daemon ", README)
    missing = [
        name
        for name in commands()
        if name != "config"
        and f"klk-daemon {name}" not in named
        and f"{name.split(' ')[0]} {name.split(' ')[-1]}" not in README
    ]
    assert missing == []


def test_options_of_trigger() -> None:
    """Each stands in the README."""
    options = [o for p in commands()["trigger"].params for o in p.opts if o.startswith("--")]
    assert [o for o in options if o not in README and o != "--help"] == []


def test_metrics() -> None:
    """Each metric of the registry stands in the README, under the name that Prometheus sees."""
    registry = Metrics(CollectorRegistry(), version="0").registry
    names = [m.name + ("_total" if m.type == "counter" else "") for m in registry.collect()]
    assert len(names) >= 16
    assert [name for name in names if f"`{name}`" not in README] == []


def test_events() -> None:
    """Each event stands in the README."""
    found = set(events())
    assert {"etl_iniciado", "etl_completado", "etl_fallido", "reloj_salto", "reintento"} <= found
    assert sorted(e for e in found if f"`{e}`" not in README) == []


def test_calls_that_are_shown() -> None:
    """What the documents tell people to type is a command, with options that it has."""
    wrong = []
    for where, words in calls():
        name = " ".join(words[:2]) if " ".join(words[:2]) in commands() else words[0]
        params = commands()[name].params if name in commands() else []
        options = {o for p in params for o in [*p.opts, *p.secondary_opts]} | {"--config", "--set", "--help"}
        shown = {word for word in words if re.fullmatch(r"--[a-z-]+|-[a-z]", word)}
        if name not in commands() or not shown <= options:
            wrong.append(f"{where}: klk-daemon {' '.join(words)}")
    assert wrong == []


def test_tests_that_are_named() -> None:
    """Each test that docs/reliability.md names exists."""
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")))
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_[a-z0-9_]+)", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 40
    assert sorted(named - there) == []
