"""The program `klk-daemon`: global options, its commands, and what an error looks like.

Each command imports what it needs when it runs, so that none waits for another's libraries.
"""

import atexit
import gc
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from klk_daemon import __version__
from klk_daemon.errors import KlkError
from klk_daemon.interrupt import INTERRUPTED

if TYPE_CHECKING:
    from klk_daemon.bootstrap.app import App, Observer
    from klk_daemon.settings import Loaded

# Accepted before and behind the command, as people write them.
GLOBAL_VALUES = ("--config", "--set")
GLOBAL_FLAGS = ("--debug",)

# Command to the module that has it, in the order of the help.
COMMANDS = {
    "run": "run",
    "trigger": "trigger",
    "status": "status",
    "runs": "history",
    "certificados": "certificados",
    "logs": "logs",
    "pause": "pause",
    "resume": "pause",
    "dashboard": "dashboard",
    "check": "check",
    "tiendas": "tiendas",
    "db": "db",
    "service": "service",
    "alert": "alert",
    "config": "config",
    "simulate": "simulate",
    "demo": "demo",
}

app = typer.Typer(
    name="klk-daemon",
    help="Keeps a DuckDB file equal to a KLK point-of-sale API.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@dataclass(frozen=True, slots=True)
class Globals:
    """The global options; commands find them as `context.obj`."""

    config: Path | None = None
    assignments: Sequence[str] = field(default_factory=tuple)

    def load(self) -> "Loaded":
        """The settings.

        Raises:
            ConfigError: they are wrong.
        """
        from klk_daemon.settings import load, parse_set

        return load(self.config, overrides=parse_set(self.assignments))

    def build(self, *, before: "App | None" = None, observer: "Observer | None" = None, daemon: bool = False) -> "App":
        """The objects of a process, with the settings of `load`.

        Args:
            before: the objects that they take the place of.
            observer: is told of each request to KLK.
            daemon: whether this process is the daemon.

        Raises:
            ConfigError: the settings are wrong, or cannot be run.
        """
        from klk_daemon.lean import lean_imports

        with lean_imports():
            from klk_daemon.bootstrap.app import build, nothing_asked
            from klk_daemon.logs import to_stderr
            from klk_daemon.settings import state_dir

        if before is None:
            to_stderr()  # until the command says otherwise
        loaded = self.load()
        state = state_dir(config=loaded.file)
        return build(loaded, state, before=before, observer=observer or nothing_asked, daemon=daemon)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"klk-daemon {__version__}")
        raise typer.Exit


@app.callback()
def _callback(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Configuration file, before all other places.")
    ] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as api.timeout_s=30.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del debug, version  # read from the arguments: an error may come before this
    context.obj = Globals(config, tuple(assignments or ()))


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs one command and exits with its code (contract, "Commands")."""
    # To look for cycles once more at the end, when the system takes everything back anyway, would take 100 ms.
    atexit.register(_leave_the_rest_to_the_system)
    options, command = hoist(sys.argv[1:] if arguments is None else arguments)
    arguments = [*options, *command]
    _register(command)
    try:
        app(arguments, prog_name="klk-daemon")
    except KlkError as e:
        if "--debug" in arguments:
            raise
        for line in str(e).splitlines():
            print(f"klk-daemon: error: {line}", file=sys.stderr)
        sys.exit(e.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader (head, a pager) has gone: nothing is left to say, and no one to say it to.
        sys.stderr.close()
        sys.exit(1)
    except Exception as e:  # a bug: one line all the same
        if "--debug" in arguments:
            raise
        print(f"klk-daemon: internal error: {e!r}; --debug shows where", file=sys.stderr)
        sys.exit(1)
    sys.exit(0)


def _leave_the_rest_to_the_system() -> None:
    """Spares the last search; not with DuckDB 2, which prints a page of what it then takes for leaks."""
    duckdb = sys.modules.get("duckdb")
    if duckdb is None or duckdb.__version__.startswith("1."):
        gc.freeze()


def hoist(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The global options, which the parser looks for in front of the command, and the rest."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in GLOBAL_FLAGS or word.startswith(tuple(f"{name}=" for name in GLOBAL_VALUES)):
            front.append(word)
        elif word in GLOBAL_VALUES:
            front += [word, *(value for value in [next(words, None)] if value is not None)]
        else:
            rest.append(word)
    return front, rest


def _register(command: Sequence[str]) -> None:
    """Loads the command that is called; all of them where none is: help and completion list them."""
    for name in command[:1] if command[:1] and command[0] in COMMANDS else COMMANDS:
        module = import_module(f"klk_daemon.cli.{COMMANDS[name]}")
        if isinstance(group := getattr(module, "app", None), typer.Typer):
            app.add_typer(group, name=name)
        else:
            app.command(name)(getattr(module, name))
