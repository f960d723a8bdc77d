"""Rows into the database: their text (packing.py), split by DuckDB, which is 200 times faster than row by row."""

from collections.abc import Mapping, Sequence
from typing import Any

from duckdb import DuckDBPyConnection

from klk_daemon.warehouse.packing import Packed, together


def column_types(con: DuckDBPyConnection, table: str) -> dict[str, str]:
    """Column to type of a table, in order. Small, and true of a legacy file (all text) as well."""
    return {name: kind for name, kind, *_ in con.execute(f"DESCRIBE {table}").fetchall()}


def stage(con: DuckDBPyConnection, name: str, types: Mapping[str, str], *packed: Packed) -> None:
    """Makes the temporary table `name` of rows.

    A value that its column cannot hold becomes NULL; what must not be NULL is checked before (klk/wire.py).

    Args:
        con: an open transaction.
        name: of the table.
        types: its columns; those of `packed` that are not among them are left out.
        packed: the rows.
    """
    into = f"CREATE OR REPLACE TEMP TABLE {name} AS"
    for part in together(packed):
        text = part.text
        if "\0" in text and in_lake(con):
            # A zero byte is text to DuckDB, but not to the PostgreSQL of a lake, which has statistics of it.
            text = text.replace("\0", "")
        values = ", ".join(f"{_value(part, column, kind)} AS {column}" for column, kind in types.items())
        parameters: dict[str, Any] = {"text": text, "value": part.marks.value, "row": part.marks.row}
        parameters |= {f"common_{column}": part.common[column] for column in types if column in part.common}
        if "$missing" in values:
            parameters["missing"] = part.marks.missing
        con.execute(
            f"{into} SELECT {values} FROM"
            " (SELECT string_split(line, $value) AS r FROM (SELECT unnest(string_split($text, $row)) AS line))",
            parameters,
        )
        into = f"INSERT INTO {name}"
    if not any(part.count for part in packed):
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({', '.join(f'{c} {kind}' for c, kind in types.items())})")


def _value(packed: Packed, column: str, kind: str) -> str:
    if column in packed.common:
        return f"TRY_CAST($common_{column} AS {kind})"
    value = f"r[{packed.columns.index(column) + 1}]"
    if kind != "VARCHAR":
        return f"TRY_CAST({value} AS {kind})"  # NULL of the mark, too
    return f"NULLIF({value}, $missing)" if column in packed.lacking else value


def in_lake(con: DuckDBPyConnection) -> bool:
    """Whether the tables lie in a DuckLake."""
    return bool(scalar(con, "SELECT type <> 'duckdb' FROM duckdb_databases() WHERE database_name = current_database()"))


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
