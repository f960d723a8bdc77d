"""`klk-daemon config`: what the settings are, and whether they are right.

The settings package is imported inside the commands: with pydantic it costs 0.1 s, which `--help` and shell
completion need not wait for.
"""

from typing import TYPE_CHECKING, Annotated, Protocol

import typer

if TYPE_CHECKING:
    from klk_daemon.settings import Loaded

app = typer.Typer(no_args_is_help=True, help="Show or check the configuration.")


class Context(Protocol):
    """What the main callback leaves in the click context."""

    def load(self) -> "Loaded":
        """The settings by the global options; ConfigError where they are wrong."""


@app.command("show")
def show(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Print the effective values, each with its origin, secrets masked."""
    from klk_daemon import settings

    loaded = _load(context)
    typer.echo(settings.as_json(loaded) if as_json else settings.as_toml(loaded))


@app.command("validate")
def validate(context: typer.Context) -> None:
    """Check the configuration as `run` does: exit 2, with what is wrong, where it is not right."""
    from klk_daemon import settings

    loaded = _load(context)
    settings.require_runnable(loaded)
    if loaded.settings.database.serve:
        from klk_daemon.bootstrap.servir import require_servable

        require_servable(loaded.settings)
    typer.echo(f"ok: {loaded.file or 'environment and command line'} ({settings.summary(loaded)})")


def _load(context: typer.Context) -> "Loaded":
    state: Context = context.obj
    return state.load()
