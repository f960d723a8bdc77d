"""Moves all that is ours from one place to another: file to lake, lake to file, verified value by value.

The sales go store by store and month by month, each in a transaction that also notes it: a copy that is interrupted
goes on where it was. A file that was migrated holds text where a new one has types: what cannot be read as its type
becomes NULL, and the line is kept as it was in `filas_rechazadas`.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from duckdb import DuckDBPyConnection

from klk_daemon.errors import BaseFallida, ConfigError
from klk_daemon.warehouse import schema
from klk_daemon.warehouse.connection import Database
from klk_daemon.warehouse.staging import column_types, scalar
from klk_daemon.warehouse.transaccion import Done

FUENTE = "fuente"
NOTES = "copia_en_curso"
# Each place has its own; the tables below are all others that klk-daemon makes.
OWN = ("esquema_version", "ultimo_commit")
MONTHLY = "ventas_raw"
JOB = "copia"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tabla:
    """How a table goes: column to what is read of the source; `sin_leer` finds rows with a value of another type."""

    name: str
    valores: Mapping[str, str]
    sin_leer: Mapping[str, str]

    @property
    def source(self) -> str:
        """The source's table."""
        return f"{FUENTE}.{self.name}"


@dataclass(frozen=True, slots=True)
class Copiada:
    """What was copied of a table; `ilegibles` are lines with a value that is not of its column's type."""

    tabla: str
    filas: int
    ilegibles: int


@dataclass(frozen=True, slots=True)
class Copia:
    """What was copied, and what was not: tables and views that are not klk-daemon's."""

    tablas: Sequence[Copiada]
    dejadas: Sequence[str]


Parte = tuple[str, str]


async def copiar(
    db: Database, *, fuente: str, destino: str, now: datetime, avance: Callable[[str, int, int], None]
) -> Copia:
    """Copies everything; done again, it goes on.

    Args:
        db: the target; its connections have the source attached as `fuente`, for reading.
        fuente: what the source is called, without secrets.
        destino: what the target is called.
        now: naive local time.
        avance: told of each part: the table, its rows so far, and its rows in all.

    Raises:
        ConfigError: the source has no tables of ours, or the target holds data already.
        CorridaError: one of them failed, or they differ at the end.
        asyncio.CancelledError: interrupted; what was copied stays.
    """
    tablas, dejadas = (await _step(db, partial(_preparar, fuente=fuente, destino=destino, now=now))).value
    for tabla in tablas:
        partes, total = (await db.transaction(partial(_partes, tabla=tabla), keep=False)).value
        filas = total - sum(count for _, count in partes)
        avance(tabla.name, filas, total)
        for parte, count in partes:
            await _step(db, partial(_copiar, tabla=tabla, parte=parte, now=now))
            filas += count
            avance(tabla.name, filas, total)
    copiadas = [(await db.transaction(partial(_verificar, tabla=tabla), keep=False)).value for tabla in tablas]
    await _step(db, lambda con: con.execute(f"DROP TABLE {NOTES}"))
    return Copia(copiadas, dejadas)


async def _step(db: Database, run: Callable[[DuckDBPyConnection], T]) -> Done[T]:
    done = await db.transaction(run)
    task = asyncio.current_task()
    if task is not None and task.cancelling():  # it was cancelled while this was committed
        raise asyncio.CancelledError
    return done


def _preparar(
    con: DuckDBPyConnection, *, fuente: str, destino: str, now: datetime
) -> tuple[Sequence[Tabla], Sequence[str]]:
    there = _names(con, FUENTE)
    if "esquema_version" not in there:
        found = schema.SHARED_WITH_LEGACY & set(there)
        hint = "`klk-daemon db migrate` first" if found else "see the path"
        raise ConfigError(f"{fuente} has no tables of klk-daemon's schema", hint=hint)
    schema.ensure(con, now)
    own = str(scalar(con, "SELECT current_database()"))
    ours = [name for name in _names(con, own) if name not in {*OWN, NOTES}]
    if NOTES in _names(con, own):
        before = scalar(con, f"SELECT any_value(origen) FROM {NOTES}")
        if before != fuente:
            raise ConfigError(
                f"{destino} holds an interrupted copy of {before}", hint="finish that one, or take an empty place"
            )
    else:
        if full := [name for name in ours if scalar(con, f"SELECT count(*) FROM {name}")]:
            raise ConfigError(f"{destino} holds data already: {', '.join(full)}", hint="copy into an empty place")
        con.execute(f"CREATE TABLE {NOTES} (origen VARCHAR, tabla VARCHAR, tienda VARCHAR, mes VARCHAR)")
        con.execute(f"INSERT INTO {NOTES} VALUES (?, '', '', '')", [fuente])
    views = con.execute(
        "SELECT view_name FROM duckdb_views() WHERE NOT internal AND database_name = ?", [FUENTE]
    ).fetchall()
    others = sorted({*there} - {*ours, *OWN, NOTES}) + sorted(f"view {name}" for (name,) in views)
    return [_tabla(con, name) for name in ours if name in there], others


def _names(con: DuckDBPyConnection, database: str) -> list[str]:
    rows = con.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal AND database_name = ?", [database])
    return sorted(name for (name,) in rows.fetchall())


def _tabla(con: DuckDBPyConnection, name: str) -> Tabla:
    theirs, ours = column_types(con, f"{FUENTE}.{name}"), column_types(con, name)
    for column, kind in theirs.items():
        if column not in ours:  # an operator's own: kept
            ours[column] = "VARCHAR" if kind.startswith("ENUM") else kind
            con.execute(f'ALTER TABLE {name} ADD COLUMN "{column}" {ours[column]}')
    lake = scalar(con, "SELECT type FROM duckdb_databases() WHERE database_name = current_database()") != "duckdb"
    valores: dict[str, str] = {}
    sin_leer: dict[str, str] = {}
    for column, kind in ours.items():
        if column not in theirs:
            continue
        quoted = f'"{column}"'
        if theirs[column] != kind:
            text = f"NULLIF(trim(CAST({quoted} AS VARCHAR)), '')"
            valores[column] = f"TRY_CAST({text} AS {kind})"
            sin_leer[column] = f"({text} IS NOT NULL AND {valores[column]} IS NULL)"
        elif lake and kind == "VARCHAR":  # see staging.py
            valores[column] = f"replace({quoted}, chr(0), '')"
        else:
            valores[column] = quoted
    return Tabla(name, valores, sin_leer)


# Which store and month a line belongs to; for a table that goes whole, none.
TIENDA = "COALESCE(ubicacion_id, '')"
MES = "COALESCE(strftime(TRY_CAST(fecha AS DATE), '%Y-%m'), '')"


def _partes(con: DuckDBPyConnection, *, tabla: Tabla) -> tuple[list[tuple[Parte, int]], int]:
    """The parts that are still to be copied, with their rows, and the table's rows in all."""
    keys = f"{TIENDA}, {MES}" if tabla.name == MONTHLY else "'', ''"
    found = con.execute(f"SELECT {keys}, count(*) FROM {tabla.source} GROUP BY 1, 2 ORDER BY 1, 2").fetchall()
    done = set(con.execute(f"SELECT tienda, mes FROM {NOTES} WHERE tabla = ?", [tabla.name]).fetchall())
    left = [((tienda, mes), count) for tienda, mes, count in found if (tienda, mes) not in done]
    return left, sum(count for _, _, count in found)


def _copiar(con: DuckDBPyConnection, *, tabla: Tabla, parte: Parte, now: datetime) -> None:
    columns = ", ".join(f'"{column}"' for column in tabla.valores)
    values = ", ".join(tabla.valores.values())
    which, parameters = "", []
    if tabla.name == MONTHLY:
        which, parameters = f" WHERE {TIENDA} = ? AND {MES} = ?", list(parte)
    con.execute(f"INSERT INTO {tabla.name} ({columns}) SELECT {values} FROM {tabla.source}{which}", parameters)
    if tabla.sin_leer:
        columnas = ", ".join(f"CASE WHEN {wrong} THEN '{column}' END" for column, wrong in tabla.sin_leer.items())
        con.execute(
            "INSERT INTO filas_rechazadas (primera_vez, ultima_vez, veces, job, ubicacion_id, motivo, fila)"
            f" SELECT ?, ?, 1, '{JOB}', {'ubicacion_id' if 'ubicacion_id' in tabla.valores else 'NULL'},"
            f" '{tabla.name}: ' || concat_ws(', ', {columnas}), to_json(t) FROM {tabla.source} AS t"
            f"{which or ' WHERE true'} AND ({' OR '.join(tabla.sin_leer.values())})",
            [now, now, *parameters],
        )
    con.execute(f"INSERT INTO {NOTES} SELECT origen, ?, ?, ? FROM {NOTES} WHERE tabla = ''", [tabla.name, *parte])


def _verificar(con: DuckDBPyConnection, *, tabla: Tabla) -> Copiada:
    """Holds the rows and the sum of their hashes against each other.

    Raises:
        BaseFallida: they differ.
    """
    ours = ", ".join(f'"{column}"' for column in tabla.valores)
    query = "SELECT count(*), COALESCE(sum(CAST(hash({}) AS HUGEINT)), 0) FROM {}{}"
    copied = f" WHERE job <> '{JOB}'" if tabla.name == "filas_rechazadas" else ""
    expected = con.execute(query.format(", ".join(tabla.valores.values()), tabla.source, copied)).fetchone()
    found = con.execute(query.format(ours, tabla.name, copied)).fetchone()
    if expected != found:
        raise BaseFallida(
            f"{tabla.name} is not the same in both: {expected} rows and sum of hashes there, {found} here",
            hint="did somebody write to one of them meanwhile? copy anew into an empty place",
        )
    assert found is not None  # an aggregate is always one row
    ilegibles = scalar(
        con,
        f"SELECT count(*) FROM filas_rechazadas WHERE job = '{JOB}' AND starts_with(motivo, ?)",
        [f"{tabla.name}: "],
    )
    return Copiada(tabla.name, int(found[0]), int(ilegibles))
