"""What a database holds: tables, their keys and indexes, who refers to whom, views. Only reads."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
from duckdb import DuckDBPyConnection

from klk_daemon.warehouse import schema
from klk_daemon.warehouse.staging import count

OWN = "database_name = current_database() AND NOT internal"
KEYS = ("PRIMARY KEY", "UNIQUE")


@dataclass(frozen=True, slots=True)
class Tabla:
    """A table of the schema `main`.

    Attributes:
        columnas: name to type, in order.
        claves: its primary key and unique columns, as SQL.
        foraneas: its foreign keys, as SQL.
        indices: its secondary indexes: name to the SQL that makes them.
        sql: what makes the table.
    """

    nombre: str
    filas: int
    columnas: Mapping[str, str]
    claves: tuple[str, ...]
    foraneas: tuple[str, ...]
    indices: Mapping[str, str]
    sql: str

    @property
    def tipos(self) -> dict[str, int]:
        """How many columns there are of each type, the most frequent first."""
        return dict(Counter(self.columnas.values()).most_common())


@dataclass(frozen=True, slots=True)
class Vista:
    """A view.

    Attributes:
        nombre: its name as SQL, with its schema.
        sql: what makes it.
        columnas: their names, in order.
        tablas: the tables that it reads, through other views as well.
        error: why it cannot be read, where it could not before anything was changed.
    """

    nombre: str
    sql: str
    columnas: tuple[str, ...]
    tablas: frozenset[str]
    error: str = ""

    @property
    def titulo(self) -> str:
        """Its name for people: without the schema that all are in, and without quotes where none are needed."""
        nombre = self.nombre.removeprefix('"main".')
        return nombre.strip('"') if nombre[1:-1].isidentifier() else nombre


@dataclass(frozen=True, slots=True)
class Hallazgos:
    """What there is. `version` is the schema's, None where a klk-daemon never wrote to it."""

    version: int | None
    tablas: Mapping[str, Tabla]
    vistas: tuple[Vista, ...]
    referencias: Mapping[str, tuple[str, ...]]
    """Table to the tables with foreign keys to it."""

    @property
    def legado(self) -> bool:
        """Whether an older pipeline made it, and nobody has taken it over yet."""
        return self.version is None and not schema.SHARED_WITH_LEGACY.isdisjoint(self.tablas)


def leer(con: DuckDBPyConnection) -> Hallazgos:
    """Looks at a database, in the caller's transaction."""
    nombres = con.execute(
        f"SELECT table_name, sql FROM duckdb_tables() WHERE {OWN} AND NOT temporary AND schema_name = 'main' ORDER BY 1"
    ).fetchall()
    tablas = {nombre: _tabla(con, nombre, sql) for nombre, sql in nombres}
    referencias: dict[str, tuple[str, ...]] = {}
    for desde, hacia in con.execute(
        "SELECT DISTINCT table_name, referenced_table FROM duckdb_constraints() WHERE database_name ="
        " current_database() AND constraint_type = 'FOREIGN KEY' ORDER BY ALL"
    ).fetchall():
        referencias[hacia] = (*referencias.get(hacia, ()), desde)
    return Hallazgos(
        schema.aplicada(con) if schema.VERSION in tablas else None, tablas, tuple(_vistas(con)), referencias
    )


def _tabla(con: DuckDBPyConnection, nombre: str, sql: str) -> Tabla:
    restricciones = con.execute(
        "SELECT constraint_type, constraint_text FROM duckdb_constraints()"
        " WHERE database_name = current_database() AND schema_name = 'main' AND table_name = ? ORDER BY ALL",
        [nombre],
    ).fetchall()
    indices = con.execute(
        "SELECT index_name, sql FROM duckdb_indexes() WHERE database_name = current_database()"
        " AND schema_name = 'main' AND table_name = ? ORDER BY 1",
        [nombre],
    ).fetchall()
    columnas = con.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = current_database()"
        " AND schema_name = 'main' AND table_name = ? ORDER BY column_index",
        [nombre],
    ).fetchall()
    return Tabla(
        nombre,
        count(con, f'"{nombre}"'),
        dict(columnas),
        tuple(text for kind, text in restricciones if kind in KEYS),
        tuple(text for kind, text in restricciones if kind == "FOREIGN KEY"),
        dict(indices),
        sql,
    )


def _vistas(con: DuckDBPyConnection) -> list[Vista]:
    rows = con.execute(
        f"SELECT schema_name, view_name, sql FROM duckdb_views() WHERE {OWN} AND NOT temporary ORDER BY 1, 2"
    ).fetchall()
    sqls = {nombre: sql for _, nombre, sql in rows}
    orden = {nombre: n for n, nombre in enumerate(_en_orden(sqls))}
    rows.sort(key=lambda row: orden[row[1]])
    return [_vista(con, f"{_citado(esquema)}.{_citado(nombre)}", sql) for esquema, nombre, sql in rows]


def _en_orden(sqls: Mapping[str, str]) -> list[str]:
    """Views so that each comes after those that it names: the catalogue has forgotten in which order they were made."""
    nombran = {
        nombre: {otra for otra in sqls if otra != nombre and re.search(rf"\b{re.escape(otra)}\b", sql, re.IGNORECASE)}
        for nombre, sql in sqls.items()
    }
    orden: list[str] = []
    while nombran:
        # None is free where a name is no view's there, but a column's: then any order is as good.
        libres = [n for n, otras in nombran.items() if otras.isdisjoint(nombran)] or list(nombran)
        orden += libres
        for nombre in libres:
            del nombran[nombre]
    return orden


def _vista(con: DuckDBPyConnection, nombre: str, sql: str) -> Vista:
    # Aside: on DuckDB 2 a statement that fails ends its transaction, and a view may be broken.
    with con.cursor() as aside:
        try:
            tablas = frozenset(aside.get_table_names(f"SELECT * FROM {nombre}"))
            return Vista(nombre, sql, columnas(aside, nombre), tablas)
        except duckdb.Error as e:
            return Vista(nombre, sql, (), frozenset(), str(e).splitlines()[0])


def columnas(con: DuckDBPyConnection, nombre: str) -> tuple[str, ...]:
    """The columns of a table or view, in order."""
    return tuple(row[0] for row in con.execute(f"DESCRIBE {nombre}").fetchall())


def _citado(nombre: str) -> str:
    return '"' + nombre.replace('"', '""') + '"'
