"""Rows into the database: one JSON text, unpacked by DuckDB (60 times faster than row by row)."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from duckdb import DuckDBPyConnection


def column_types(con: DuckDBPyConnection, table: str) -> dict[str, str]:
    """Column to type of a table, in order. Small, and true of a legacy file (all text) as well."""
    return {name: kind for name, kind, *_ in con.execute(f"DESCRIBE {table}").fetchall()}


@dataclass(frozen=True, slots=True)
class Columnas:
    """Rows on their way into the database: each column as one JSON list, and its type there."""

    tipos: Mapping[str, str]
    valores: Sequence[str]


def pack(rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> Columnas:
    """Makes rows, each with all of the columns, ready for `stage`. Needs no database: none is held meanwhile."""
    return pack_tuples([*map(itemgetter(*types), rows)], types)


def pack_tuples(rows: Sequence[Sequence[Any]], types: Mapping[str, str]) -> Columnas:
    """The same, of rows whose values come in the order of the columns, two at least."""
    columns: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else [()] * len(types)
    return Columnas(types, [json.dumps(column) for column in columns])


def stage(con: DuckDBPyConnection, name: str, rows: Columnas) -> None:
    """Makes the temporary table `name` of the rows.

    A value that its column cannot hold becomes NULL; what must not be NULL is checked before (klk/wire.py).
    Column by column, and each by itself: half the time of a list of objects.
    """
    columns = ", ".join(f"unnest(from_json(?, '[\"{kind}\"]')) AS {column}" for column, kind in rows.tipos.items())
    valores = rows.valores
    if any("\\u0000" in valor for valor in valores) and in_lake(con):
        # A zero byte is text to DuckDB, but not to the PostgreSQL of a lake, which has rows and statistics of it.
        valores = [json.dumps([_without_zeros(v) for v in json.loads(valor)]) for valor in valores]
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {columns}", valores)


def in_lake(con: DuckDBPyConnection) -> bool:
    """Whether the tables lie in a DuckLake."""
    return bool(scalar(con, "SELECT type <> 'duckdb' FROM duckdb_databases() WHERE database_name = current_database()"))


def _without_zeros(value: Any) -> Any:
    return value.replace("\0", "") if isinstance(value, str) else value


def count(con: DuckDBPyConnection, table: str) -> int:
    """How many rows a (temporary) table has."""
    return int(scalar(con, f"SELECT count(*) FROM {table}"))


def scalar(con: DuckDBPyConnection, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Any:
    """The first column of the first row; None where there is none."""
    row = con.execute(sql, parameters).fetchone()
    return row[0] if row else None


def changed(con: DuckDBPyConnection, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> int:
    """Runs an INSERT, UPDATE, DELETE or CREATE TABLE AS; how many rows it wrote."""
    return int(scalar(con, sql, parameters))
