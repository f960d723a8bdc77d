"""`klk-daemon certificados`: what is proved."""

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from klk_daemon.bootstrap.app import App


def certificados(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show which store-days are proved equal to KLK, which are open, and which were reopened by a later difference."""
    from klk_daemon.bootstrap import historia
    from klk_daemon.cli import held

    app: App = context.obj.build()
    found = held.ask(app, "/api/certificados", lambda: historia.certificados(app, datetime.now(UTC)))
    typer.echo(held.text(found) if as_json else _text(found))


def _runs_of_days(abiertos: list[dict[str, Any]]) -> list[tuple[str, list[date]]]:
    """Days that follow each other, together: years of an older pipeline are one line."""
    groups: list[tuple[str, list[date]]] = []
    for abierto in abiertos:
        tienda, fecha = abierto["ubicacion_id"], date.fromisoformat(abierto["fecha"])
        if groups and groups[-1][0] == tienda and fecha - groups[-1][1][-1] == timedelta(days=1):
            groups[-1][1].append(fecha)
        else:
            groups.append((tienda, [fecha]))
    return groups


def _text(found: dict[str, list[dict[str, Any]]]) -> str:
    from klk_daemon.cli.text import span, table

    head = ("tienda", "fecha", "lineas", "facturas", "USD", "certificado")
    rows = [
        (
            c["ubicacion_id"],
            c["fecha"],
            c["lineas"],
            c["facturas"],
            f"{c['venta_total']:.2f}",
            _minute(c["certificado"]),
        )
        for c in found["certificados"]
    ]
    lines = [table(head, rows)] if rows else ["no day is certified yet"]
    lines += [f"open: {tienda} {span(fechas)}" for tienda, fechas in _runs_of_days(found["abiertos"])]
    lines += [
        f"reopened: {c['ubicacion_id']} {c['fecha']} on {_minute(c['reabierto'])},"
        f" was {c['lineas']} lines, {c['venta_total']:.2f} USD; ventas_correcciones says what changed"
        for c in found["reabiertos"]
    ]
    return "\n".join(lines)


def _minute(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M}"
