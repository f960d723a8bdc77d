"""The migration itself: a backup, then everything in one transaction, which is there whole or not at all."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from duckdb import DuckDBPyConnection

from klk_daemon.errors import BaseFallida, ConfigError
from klk_daemon.warehouse import respaldo, schema
from klk_daemon.warehouse.legado import regreso, vistas
from klk_daemon.warehouse.legado.hallazgos import Hallazgos, Tabla, leer
from klk_daemon.warehouse.legado.plan import VENTAS, Cambios, cambios
from klk_daemon.warehouse.staging import count

STATEMENT = re.compile(r"(CREATE TABLE|INSERT INTO) (\w+)")
# Where a column that is new in a rebuilt table comes from, of what the old one has.
ORIGEN: Mapping[str, Mapping[str, str]] = {
    "stock_actual": {
        "codigo_producto": "(SELECT any_value(p.codigo) FROM productos AS p WHERE p.id = v.producto_id)",
        "fecha_actualizacion": "v.ultima_actualizacion",
    }
}
NEW_NAME = "klk_nueva"


@dataclass(frozen=True, slots=True)
class Migracion:
    """What was done. `antes` and `despues` are the rows of each table; `respaldo` is where the backup lies."""

    antes: Mapping[str, int]
    despues: Mapping[str, int]
    vistas: int
    respaldo: Path


def migrar(
    con: DuckDBPyConnection, carpeta: Path, *, base: Path, now: datetime, decir: Callable[[str], None]
) -> Migracion:
    """Migrates, in the caller's transaction.

    Args:
        con: an open transaction, which nothing has changed yet.
        carpeta: for the backup; it bears `.parcial` until it is whole, which is before anything is changed.
        base: the database file.
        now: naive local time, for the record.
        decir: told what begins; may raise to stop.

    Raises:
        ConfigError: it is no database of the kind; nothing is changed.
        BaseFallida: the backup, or a rebuilt table, lacks rows; nothing is changed.
    """
    # The commit then writes the file itself, and no write-ahead log. DuckDB 1.5 cannot replay an ALTER TABLE of a table
    # with a DEFAULT CURRENT_TIMESTAMP: killed between commit and checkpoint, the file would not open again.
    con.execute("SET checkpoint_threshold = '0b'")
    hallazgos = leer(con)
    que = cambios(hallazgos)
    if not hallazgos.legado or que.obstaculos:
        raise ConfigError("; ".join(que.obstaculos) or "there is nothing to migrate", hint="nothing was changed")
    _respaldar(con, carpeta, hallazgos, que, base, decir)
    for indice in que.indices:
        decir(f"dropping the index {indice}")
        con.execute(f'DROP INDEX "{indice}"')
    for tabla in que.rehechas:
        decir(f"rebuilding {tabla} ({hallazgos.tablas[tabla].filas} rows)")
        _rehacer(con, hallazgos.tablas[tabla])
    for columna, tipo in que.agregadas.items():
        decir(f"adding {columna} to {VENTAS} ({hallazgos.tablas[VENTAS].filas} rows)")
        con.execute(f"ALTER TABLE {VENTAS} ADD COLUMN {columna} {tipo}")
    decir("adding the daemon's own tables")
    _completar(con, que, now)
    for vista in que.vistas:
        decir(f"making the view {vista.titulo} anew")
        vistas.rehacer(con, vista)
    decir("writing it all to the file")
    antes = {nombre: tabla.filas for nombre, tabla in hallazgos.tablas.items()}
    despues = {nombre: count(con, f'"{nombre}"') for nombre in antes}
    if antes != despues:
        raise BaseFallida(f"rows would be lost: {antes} before, {despues} after", hint="nothing was changed")
    return Migracion(antes, despues, len(que.vistas), carpeta)


def _respaldar(
    con: DuckDBPyConnection,
    carpeta: Path,
    hallazgos: Hallazgos,
    que: Cambios,
    base: Path,
    decir: Callable[[str], None],
) -> None:
    filas = sum(hallazgos.tablas[tabla].filas for tabla in que.rehechas)
    decir(f"backing up {' and '.join(que.rehechas)} ({filas} rows)")
    respaldo.guardar(
        con, que.rehechas, carpeta, textos={regreso.NAME: regreso.texto(hallazgos, que, base=base, carpeta=carpeta)}
    )


def _rehacer(con: DuckDBPyConnection, tabla: Tabla) -> None:
    """The table of a new installation in the place of the old one, with the old one's rows, and its other columns."""
    nuevas = schema.iniciales()[tabla.nombre]
    otras = {c: tipo for c, tipo in tabla.columnas.items() if c not in nuevas}
    definicion = ", ".join(f'"{c}" {tipo}' for c, tipo in {**nuevas, **otras}.items())
    origen = ORIGEN.get(tabla.nombre, {})
    valores = {c: f'v."{c}"' for c in tabla.columnas}
    for columna, expresion in origen.items():
        valores[columna] = f"COALESCE({valores[columna]}, {expresion})" if columna in valores else expresion
    con.execute(f"CREATE TABLE {NEW_NAME} ({definicion})")
    con.execute(
        f"INSERT INTO {NEW_NAME} ({', '.join(_citadas(valores))}) SELECT {', '.join(valores.values())}"
        f" FROM {tabla.nombre} AS v"
    )
    con.execute(f"DROP TABLE {tabla.nombre}")
    con.execute(f"ALTER TABLE {NEW_NAME} RENAME TO {tabla.nombre}")


def _completar(con: DuckDBPyConnection, que: Cambios, now: datetime) -> None:
    """What the first step of the schema makes and is not there, then the later steps as on any database."""
    numero, sql = schema.migrations()[0]
    for sentencia in con.extract_statements(sql):
        partes = STATEMENT.search(sentencia.query)
        if partes is not None and partes[2] in que.nuevas:
            con.execute(sentencia.query)
    con.execute(schema.CREATE_VERSION)
    con.execute(f"INSERT INTO {schema.VERSION} VALUES (?, ?)", [numero, now])
    schema.ensure(con, now)


def _citadas(columnas: Mapping[str, str]) -> list[str]:
    return [f'"{c}"' for c in columnas]
