"""`klk-daemon simulate`: the simulator of the KLK API alone, in the foreground."""

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from klk_daemon.simulator import Falla, Mundo, Simulador

_PARTE = re.compile(r"(\d*\.?\d+)(?::(\d*\.?\d+)([smhd]))?")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def simulate(
    *,
    host: Annotated[str, typer.Option(help="Loopback address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.")] = 7002,
    seed: Annotated[int, typer.Option(help="The same seed is the same world.")] = 1,
    tiendas: Annotated[int, typer.Option(help="Stores: the four of the mission, then made-up ones.")] = 4,
    articulos: Annotated[int, typer.Option(help="Articles in a warehouse.")] = 3858,
    lineas_por_dia: Annotated[int, typer.Option(help="Sale lines of a store in a day.")] = 5800,
    zona: Annotated[str, typer.Option(help="The stores' time zone.")] = "America/Caracas",
    latencia: Annotated[float, typer.Option(help="Seconds before every answer.")] = 0.0,
    jitter: Annotated[float, typer.Option(help="Up to so many seconds more, evenly drawn.")] = 0.0,
    tardias: Annotated[
        str, typer.Option(metavar="PARTE:TIEMPO", help="Invoices that arrive late, e.g. 0.2:45m.")
    ] = "0",
    anuladas: Annotated[
        str, typer.Option(metavar="PARTE:TIEMPO", help="Invoices that vanish later, e.g. 0.03:3h.")
    ] = "0",
    corregidas: Annotated[
        str, typer.Option(metavar="PARTE:TIEMPO", help="Invoices whose values change later, e.g. 0.03:1d.")
    ] = "0",
    lista_desnuda: Annotated[
        bool, typer.Option("--lista-desnuda", help="Answer articulos/almacen with the bare list.")
    ] = False,
    reloj: Annotated[
        str, typer.Option(metavar="ISO", help="Time to begin at (the stores' local time); it runs on.")
    ] = "",
    factor: Annotated[float, typer.Option(help="Seconds of the simulator in one second; 0 stands.")] = 1.0,
    falla: Annotated[
        list[str] | None,
        typer.Option(metavar="TIPO[:OBJETIVO]", help="Fault from the start, for a sucursal or almacén, or all."),
    ] = None,
) -> None:
    """Serve a made-up KLK API on loopback until Ctrl-C, with faults that can be switched while it runs."""
    import asyncio
    from datetime import UTC

    from klk_daemon.simulator import Latencia, Mundo, Reloj, Simulador

    try:
        mundo = Mundo(
            seed=seed,
            tiendas=tiendas,
            articulos=articulos,
            lineas_por_dia=lineas_por_dia,
            zona=zona,
            tardias=_parte(tardias),
            anuladas=_parte(anuladas),
            corregidas=_parte(corregidas),
            lista_desnuda=lista_desnuda,
        )
        if reloj or factor != 1:
            begin = mundo.aware(datetime.fromisoformat(reloj)) if reloj else datetime.now(UTC)
            mundo.clock = Reloj(now=begin, factor=factor)
        simulador = Simulador(
            mundo,
            host=host,
            port=port,
            latencia=Latencia(latencia, jitter),
            fallas=tuple(_falla(text, mundo) for text in falla or ()),
        )
    except (ValueError, KeyError) as refused:  # KeyError: zoneinfo's for a zone that does not exist
        raise typer.BadParameter(str(refused)) from refused
    try:
        asyncio.run(_serve(simulador))
    except OSError as refused:
        typer.echo(f"cannot listen on {host}:{port}: {refused.strerror or refused}", err=True)
        raise typer.Exit(1) from refused


async def _serve(simulador: "Simulador") -> None:
    """Serves until SIGINT or SIGTERM."""
    import asyncio
    import signal

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with simulador:
        typer.echo(_greeting(simulador))
        await stop.wait()


def _greeting(simulador: "Simulador") -> str:
    url = simulador.url
    mundo = simulador.mundo
    falla = f'{{"tipo": "http", "status": 503, "sucursal": "{mundo.tiendas[0].sucursal}", "veces": 3}}'
    now = mundo.now().isoformat(timespec="seconds")
    return f"""\
KLK simulator on {url} (seed {mundo.seed}, {len(mundo.tiendas)} stores, {now})

  state            curl {url}/_sim/
  break a store    curl {url}/_sim/fallas -d '{falla}'
  heal everything  curl -X DELETE {url}/_sim/fallas
  slow down        curl {url}/_sim/latencia -d '{{"base": 1.5, "jitter": 0.5}}'
  move the clock   curl {url}/_sim/reloj -d '{{"avanza_s": 1800}}'
  log of requests  curl {url}/_sim/peticiones

Ctrl-C ends it."""


def _parte(text: str) -> tuple[float, timedelta]:
    """`0.2:45m` as a share and a time; `0` is none.

    Raises:
        ValueError: another form.
    """
    match = _PARTE.fullmatch(text)
    if match is None or (match[2] is None and float(match[1]) != 0):
        raise ValueError(f"a share and a time are expected, such as 0.2:45m: {text}")
    if match[2] is None:
        return 0.0, timedelta()
    return float(match[1]), timedelta(**{_UNITS[match[3]]: float(match[2])})


def _falla(text: str, mundo: "Mundo") -> "Falla":
    """`http:SUC001` as a fault of a store, `sin_filas:TANT` of a warehouse, `html` of all.

    Raises:
        ValueError: an unknown kind, store or warehouse.
    """
    from klk_daemon.simulator import Falla, TipoFalla

    tipo, _, objetivo = text.partition(":")
    if tipo not in set(TipoFalla):
        raise ValueError(f"unknown fault {tipo!r}; there are: {', '.join(TipoFalla)}")
    if not objetivo:
        return Falla(TipoFalla(tipo))
    if mundo.tienda(objetivo) is not None:
        return Falla(TipoFalla(tipo), sucursal=objetivo)
    if mundo.almacen(objetivo) is not None:
        return Falla(TipoFalla(tipo), almacen=objetivo)
    raise ValueError(f"no sucursal or almacén {objetivo!r} in this world")
