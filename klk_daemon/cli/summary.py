"""A run's document, for people."""

from typing import Any

from klk_daemon.cli.text import table

HEAD = ("tienda", "estado", "extraidos", "nuevos", "cambiados", "iguales", "fuera", "aparte", "s")
FIGURES = ("extraidos", "insertados", "actualizados", "sin_cambio", "eliminados", "rechazados", "duracion_s")


def summary(document: dict[str, Any], *, dry_run: bool = False) -> str:
    """A line for the run, a table of its stores, a line for each error."""
    written = " (dry run: nothing was written)" if dry_run else ""
    tiendas = document["tiendas"]
    took = f"{document['duracion_s']:.1f} s"
    head = f"{document['job']} {document['estado']} in {took}, run {document['run_id']}{written}"
    stores = table(HEAD, [(t["id"], t["estado"], *(t[figure] for figure in FIGURES)) for t in tiendas])
    errors = [f"{t['id']}: {t['error']['tipo']}: {t['error']['mensaje']}" for t in tiendas if t["error"]]
    return "\n".join([head, stores, *errors])
