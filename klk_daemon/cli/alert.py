"""`klk-daemon alert test`: one message to every channel, to see that it arrives."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from klk_daemon.errors import ConfigError

if TYPE_CHECKING:
    from klk_daemon.alerts.channels import Canal, Envio
    from klk_daemon.bootstrap.app import App

SEND_S = 30.0

app = typer.Typer(help="Alerts: see that they arrive.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `test` a command of its own, where it is the only one."""


@app.command()
def test(context: typer.Context) -> None:
    """Send one message to every channel of alerts.urls. Exits 0 when all took it, 1 when one did not."""
    from klk_daemon.bootstrap.alertas import channels, redactor

    installation: App = context.obj.build()
    if not installation.settings.alerts.urls:
        raise ConfigError("no channel is configured", hint="put an Apprise URL into alerts.urls (README, Alerts)")
    texto = redactor(installation).prueba(datetime.now(UTC))
    canales = channels(installation.settings.alerts.urls)

    async def send_all() -> "list[Envio]":
        return await asyncio.gather(*(c.send(texto.titulo, texto.cuerpo, "info", timeout_s=SEND_S) for c in canales))

    envios = asyncio.run(send_all())
    for canal, envio in zip(canales, envios, strict=True):
        typer.echo(_line(canal, envio))
    raise typer.Exit(0 if all(envio.tomado for envio in envios) else 1)


def _line(canal: "Canal", envio: "Envio") -> str:
    return f"ok    {canal.nombre}" if envio.tomado else f"FAIL  {canal.nombre}  {envio.error}"
