"""`klk-daemon dashboard`: the way into the running daemon's page, buttons included."""

from typing import TYPE_CHECKING, Annotated

import typer

from klk_daemon.errors import KlkError

if TYPE_CHECKING:
    from klk_daemon.bootstrap.app import App


def dashboard(
    context: typer.Context,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser, too.")] = False,
) -> None:
    """Print a one-time link that opens the dashboard with its buttons; it is good for five minutes."""
    app: App = context.obj.build()
    app.database.close()
    link = one_time_link(app)
    typer.echo(link)
    typer.echo("good once, for five minutes", err=True)
    if open_it:
        import webbrowser

        if not webbrowser.open(link):
            raise KlkError("no browser could be opened here", hint="open the link by hand, on this machine")


def one_time_link(app: "App") -> str:
    """Has the running daemon make a link.

    Raises:
        KlkError: none is running, it does not listen, or it does not answer.
    """
    from klk_daemon.cli import remote
    from klk_daemon.daemon.instance import running_pid

    pid = running_pid(app.state)
    if pid is None:
        raise KlkError(
            f"no daemon is running on {app.state}",
            hint="start it: `klk-daemon run`, or `klk-daemon service status` for the service",
        )
    daemon = remote.find(app.state)
    if daemon is None:
        hint = (
            "its log has http_no_disponible with the reason"
            if app.settings.http.enabled
            else "set http.enabled = true, then restart it"
        )
        raise KlkError(f"the daemon (pid {pid}) has no HTTP server", hint=hint)
    try:
        return daemon.url + str(daemon.post("/api/link")["ruta"])
    except OSError as e:
        raise KlkError(f"the daemon (pid {pid}) does not answer on {daemon.url}: {e}", hint="see its log") from e
