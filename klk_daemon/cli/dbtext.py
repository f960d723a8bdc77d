"""What `db plan` and `db migrate` say of a database: in words and numbers, or as a document."""

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from klk_daemon.bootstrap.legado import Examen, mib
from klk_daemon.bootstrap.migracion import Informe
from klk_daemon.cli.text import table
from klk_daemon.warehouse.legado.hallazgos import Tabla
from klk_daemon.warehouse.legado.plan import REHACER, VENTAS

WIDTH = 100
TOO_LITTLE = "TOO LITTLE"
MISSING = "there is no database at {} yet: nothing to do, the first run makes it (or see database.path)"


def missing(base: Path) -> dict[str, Any]:
    """The document of a database that is not there."""
    return {"base": str(base), "existe": False, "migrar": False}


def document(examen: Examen) -> dict[str, Any]:
    """The plan as a document."""
    hallado, que, estimacion = examen.hallazgos, examen.cambios, examen.estimacion
    legado = hallado.legado
    return {
        "base": str(examen.base),
        "existe": True,
        "bytes": examen.bytes,
        "libre_bytes": examen.libre,
        "version": hallado.version,
        "migrar": legado,
        "tablas": [
            {
                "tabla": t.nombre,
                "filas": t.filas,
                "columnas": len(t.columnas),
                "tipos": t.tipos,
                "claves": list(t.claves),
                "foraneas": list(t.foraneas),
                "indices": list(t.indices),
            }
            for t in hallado.tablas.values()
        ],
        "vistas": [{"vista": v.titulo, "tablas": sorted(v.tablas), "error": v.error or None} for v in hallado.vistas],
        "ventas": {
            "lineas": sum(m.lineas for m in examen.meses),
            "duplicadas": examen.duplicadas,
            "con_diferencias": sum(m.con_diferencias for m in examen.meses),
            "meses": [
                {
                    "ubicacion_id": m.ubicacion_id,
                    "mes": m.mes,
                    "lineas": m.lineas,
                    "duplicadas": m.duplicadas,
                    "con_diferencias": m.con_diferencias,
                }
                for m in examen.meses
            ],
        },
        "cambios": {
            "rehacer": list(que.rehechas) if legado else [],
            "columnas_nuevas": dict(que.agregadas) if legado else {},
            "tablas_nuevas": list(que.nuevas) if legado else [],
            "indices_que_se_quitan": list(que.indices) if legado else [],
            "vistas_que_se_rehacen": [v.titulo for v in que.vistas] if legado else [],
        },
        "obstaculos": list(que.obstaculos) if legado else [],
        "estimacion": {
            "segundos": round(estimacion.segundos, 1),
            "respaldo_bytes": estimacion.respaldo,
            "mientras_bytes": estimacion.mientras,
            "dedupe_segundos": round(examen.quitar.segundos, 1),
            "dedupe_respaldo_bytes": examen.quitar.respaldo,
        },
        "alcanza": examen.alcanza(),
    }


def report(examen: Examen) -> str:
    """The plan for people."""
    if not examen.hallazgos.legado:
        return "\n\n".join([nothing(examen), *(_copies(examen) if examen.duplicadas else [])])
    return "\n\n".join(
        [
            f"{examen.base}: {mib(examen.bytes)}, of an older pipeline; {mib(examen.libre)} are free on its disk",
            *_tables(examen),
            *_references(examen),
            *_copies(examen),
            *_changes(examen),
            *_costs(examen),
        ]
    )


def nothing(examen: Examen) -> str:
    """That no migration is due."""
    version = examen.hallazgos.version
    what = f"its schema has version {version}" if version is not None else "no older pipeline has written to it"
    copies = f"; {examen.duplicadas} lines are copies: `db migrate --dedupe` removes them" if examen.duplicadas else ""
    return f"{examen.base}: nothing to do, {what}{copies}"


def question(examen: Examen, *, dedupe: bool) -> str:
    """What is about to be done."""
    parts = []
    if examen.hallazgos.legado:
        parts += [*_changes(examen), *_costs(examen, copies=False)]
    if dedupe:
        parts.append(f"Copies of sale lines are removed from {VENTAS} in {examen.base}, month by month.")
    return "\n\n".join(parts)


def summary(informe: Informe, *, dedupe: bool) -> str:
    """What was done."""
    parts = []
    if (hecha := informe.migracion) is not None:
        rows = [(name, hecha.antes[name], hecha.despues[name]) for name in hecha.antes]
        parts += [
            table(("table", "rows before", "rows after"), rows),
            f"migrated; {hecha.vistas} views made anew. The backup, and volver.sql, the way back: {hecha.respaldo}",
        ]
    if dedupe and informe.meses:
        removed = sum(antes - despues for _, antes, despues in informe.meses)
        months = [(mes, antes, despues, antes - despues) for mes, antes, despues in informe.meses]
        parts += [
            table(("month", "lines before", "lines after", "removed"), months),
            f"{removed} copies removed; they lie in {informe.respaldo}",
        ]
    elif dedupe:
        parts.append("no line is there twice: nothing was removed")
    return "\n\n".join(parts)


def _tables(examen: Examen) -> Iterable[str]:
    rows = [
        (t.nombre, t.filas, f"{len(t.columnas)}: {_kinds(t)}", ", ".join((*t.claves, *t.indices)) or "-")
        for t in examen.hallazgos.tablas.values()
    ]
    yield table(("table", "rows", "columns", "keys and indexes"), rows)


def _kinds(tabla: Tabla) -> str:
    return ", ".join(f"{n} {tipo}" for tipo, n in tabla.tipos.items())


def _references(examen: Examen) -> Iterable[str]:
    lines = [
        f"  {t.nombre}: {foranea} ({'goes with the rebuild' if t.nombre in REHACER else 'stays'})"
        for t in examen.hallazgos.tablas.values()
        for foranea in t.foraneas
    ]
    if lines:
        yield "\n".join(["foreign keys", *lines])
    lines = [
        f"  {v.titulo} reads {', '.join(sorted(v.tablas)) or 'no table'}"
        if not v.error
        else f"  {v.titulo} cannot be read today, and stays as it is: {v.error}"
        for v in examen.hallazgos.vistas
    ]
    if lines:
        yield "\n".join(["views", *lines])


def _copies(examen: Examen) -> Iterable[str]:
    if not examen.meses:
        return
    rows: list[Sequence[object]] = [
        (m.ubicacion_id or "-", m.mes, m.lineas, m.duplicadas, m.con_diferencias) for m in examen.meses
    ]
    totals = [sum(m.lineas for m in examen.meses), examen.duplicadas, sum(m.con_diferencias for m in examen.meses)]
    yield "\n".join(
        [
            f"sale lines in {VENTAS}; a copy is equal in all but when it was asked for and written",
            table(("store", "month", "lines", "copies", "keys whose lines differ"), [*rows, ("all", "", *totals)]),
        ]
    )


def _changes(examen: Examen) -> Iterable[str]:
    que = examen.cambios
    if que.obstaculos:
        yield "\n".join(["it cannot be migrated", *(f"  {o}" for o in que.obstaculos)])
        return
    lines = []
    if "stock_actual" in que.rehechas:
        lines.append(
            "stock_actual is rebuilt without keys and indexes: a row per store, warehouse and product, with"
            " codigo_producto and fecha_actualizacion; its rows stay"
        )
    if "etl_ejecuciones" in que.rehechas:
        lines.append(
            "etl_ejecuciones is rebuilt without the indexes that break updates, with the columns of the daemon;"
            " its history stays"
        )
    if que.agregadas:
        kind = "text" if "VARCHAR" in que.agregadas.values() else "new"
        lines.append(
            f"{VENTAS} gets {len(que.agregadas)} {kind} columns at its end, empty in the lines that are there:"
            f" {', '.join(que.agregadas)}"
        )
    if que.nuevas:
        lines.append(f"new tables: {', '.join(que.nuevas)}")
    lines += [f"the index {i} of {t} goes: it rejects updates that the daemon makes" for i, t in que.indices.items()]
    if que.vistas:
        lines.append(f"made anew, with the columns that they have: {', '.join(v.titulo for v in que.vistas)}")
    lines.append("every other table, view and row stays as it is; DuckDB 1.0 still opens the file")
    yield "\n".join(["`db migrate` does, all of it or nothing", *map(_wrapped, lines)])


def _costs(examen: Examen, *, copies: bool = True) -> Iterable[str]:
    if examen.cambios.obstaculos:
        return
    e, quitar = examen.estimacion, examen.quitar
    enough = "enough" if examen.alcanza() else TOO_LITTLE
    lines = [
        f"it takes about {_time(e.segundos)}, {mib(e.respaldo)} for the backup and {mib(e.mientras)} while it lasts;",
        f"{mib(examen.libre)} are free: {enough}",
    ]
    if copies and examen.duplicadas:
        lines.append(
            f"`db migrate --dedupe` removes {examen.duplicadas} copies as well: about {_time(quitar.segundos)} more,"
            f" and {mib(quitar.respaldo)} for what is removed"
        )
        if not examen.alcanza(dedupe=True):
            lines.append(f"that is {mib(examen.necesita(dedupe=True))} in all: {TOO_LITTLE}")
    yield "\n".join(lines)


def _wrapped(line: str) -> str:
    return textwrap.fill(
        line, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False, break_long_words=False
    )


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{max(seconds, 1):.0f} s"  # noqa: PLR2004
