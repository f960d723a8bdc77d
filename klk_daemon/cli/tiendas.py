"""`klk-daemon tiendas`: the configured stores, and those that KLK has besides."""

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from klk_daemon.errors import ConfigError

if TYPE_CHECKING:
    from klk_daemon.domain import Tienda
    from klk_daemon.klk.catalogo import Sucursal
    from klk_daemon.klk.descubrir import Descubierto
    from klk_daemon.settings import Settings


def tiendas(
    context: typer.Context,
    discover: Annotated[
        bool, typer.Option("--discover", help="Ask KLK, and print TOML for what is not configured.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show the configured stores; with --discover, what KLK has beyond them, ready to be pasted."""
    settings: Settings = context.obj.load().settings
    if discover:
        _discover(settings, as_json=as_json)
        return
    if as_json:
        typer.echo(json.dumps([t.model_dump(mode="json") for t in settings.tiendas], ensure_ascii=False))
        return
    if not settings.tiendas:
        typer.echo("no stores are configured; `klk-daemon tiendas --discover` prints those of KLK")
        return
    from klk_daemon.cli.text import table

    head = ("id", "nombre", "sucursal", "activa", "almacenes")
    rows = [(t.id, t.nombre, t.sucursal, "yes" if t.activa else "no", " ".join(t.almacenes)) for t in settings.tiendas]
    typer.echo(table(head, rows))


def _discover(settings: "Settings", *, as_json: bool) -> None:
    from klk_daemon.bootstrap.check import stores
    from klk_daemon.klk.descubrir import as_toml, descubrir

    if not settings.api.base_url:
        raise ConfigError("no api.base_url configured", hint="--set api.base_url=http://… names KLK for once")
    configured = stores(settings)
    sucursales = asyncio.run(_ask(settings))
    found = descubrir(configured, sucursales)
    if as_json:
        typer.echo(json.dumps(_document(configured, found, sucursales), ensure_ascii=False))
        return
    if text := as_toml(found):
        typer.echo(f"\n{text}")  # the line break first: `>> klk.toml` meets files that end without one
    if not found.nuevas:
        print(f"every sucursal of KLK's {len(sucursales)} is configured", file=sys.stderr)


async def _ask(settings: "Settings") -> "dict[str, Sucursal]":
    """What KLK lists.

    Raises:
        ApiError: it does not answer.
    """
    from klk_daemon.bootstrap.check import client

    async with client(settings, asyncio.Semaphore(settings.api.max_concurrency)) as klk:
        from klk_daemon.checks.klk import pisoventa
        from klk_daemon.klk.catalogo import catalogo

        listados, pisos = await asyncio.gather(klk.almacenes(), pisoventa(klk))
    return catalogo(listados.filas, pisos)


def _document(
    configured: "tuple[Tienda, ...]", found: "Descubierto", sucursales: "dict[str, Sucursal]"
) -> list[dict[str, Any]]:
    """Every sucursal of KLK. `id` is the store's that has it, or the one that the TOML proposes."""
    stores = {t.sucursal: t for t in configured}
    proposed = {nueva.sucursal.codigo: nueva.id for nueva in found.nuevas}
    return [
        {
            "id": stores[codigo].id if codigo in stores else proposed[codigo],
            "nombre": s.nombre,
            "sucursal": codigo,
            "configurada": codigo in stores,
            "piso_de_venta": s.piso,
            "almacenes": [
                {
                    "codigo": almacen,
                    "nombre": nombre,
                    "configurado": codigo in stores and almacen in stores[codigo].almacenes,
                }
                for almacen, nombre in s.almacenes.items()
            ],
        }
        for codigo, s in sucursales.items()
    ]
