"""What keeps a lake small and quick: rows out of the catalogue into files, few large files, no old snapshots.

Every commit of a lake is a snapshot that can be read for ever, and every change of a snapshot's rows writes a file.
Each step here is a short transaction of its own, so that runs get in between.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from duckdb import DuckDBPyConnection

from klk_daemon.warehouse.lago import ALIAS
from klk_daemon.warehouse.staging import scalar

EVERY = timedelta(days=7)
# How far back a lake can be read `AT (TIMESTAMP => …)`, and restored from a copy of its catalogue.
KEPT = timedelta(days=7)
# A reader that began before a file was replaced may still be at it.
READERS = timedelta(days=2)
# Rows in the catalogue are read whole, 7 us each: beyond this a table's become a file.
CATALOGUE_ROWS = 10_000
FILES_AT_ONCE = 100
DELETED_SHARE = 0.25
MARK = "mantenimiento"
METADATA = f"__ducklake_metadata_{ALIAS}"


def por_volcar(con: DuckDBPyConnection) -> list[str]:
    """The tables with so many rows in the catalogue that they are slow to read."""
    found = con.execute(
        f"SELECT t.table_name, i.table_name FROM {METADATA}.ducklake_inlined_data_tables AS i"
        f" JOIN {METADATA}.ducklake_table AS t ON t.table_id = i.table_id AND t.end_snapshot IS NULL"
    ).fetchall()
    rows: dict[str, int] = {}
    for table, inlined in found:
        rows[table] = rows.get(table, 0) + int(scalar(con, f'SELECT count(*) FROM {METADATA}."{inlined}"'))
    return sorted(table for table, count in rows.items() if count > CATALOGUE_ROWS)


def volcar(con: DuckDBPyConnection, tabla: str) -> int:
    """Makes a file of a table's rows in the catalogue; how many there were."""
    return _sum(con, f"ducklake_flush_inlined_data('{ALIAS}', table_name => '{tabla}')", "rows_flushed")


def toca(con: DuckDBPyConnection, now: datetime) -> bool:
    """Whether a week has passed since the lake was made, or last tended. `now` in UTC."""
    ultima = scalar(con, "SELECT max(hasta_utc) FROM etl_marcas WHERE etl_tipo = ?", [MARK])
    if ultima is None:
        marcar(con, now)
        return False
    return bool(now - ultima.replace(tzinfo=UTC) >= EVERY)


def marcar(con: DuckDBPyConnection, now: datetime) -> None:
    """Notes that it was tended."""
    con.execute("DELETE FROM etl_marcas WHERE etl_tipo = ?", [MARK])
    con.execute("INSERT INTO etl_marcas VALUES (?, '', ?)", [MARK, now.astimezone(UTC).replace(tzinfo=None)])


Paso = Callable[[DuckDBPyConnection], int]


def pasos(tablas: Sequence[str], now: datetime) -> list[tuple[str, Paso]]:
    """The weekly work, in order: what a step counts, and the step, to be repeated until it counts nothing."""
    return [
        *(("volcadas", _volcar(tabla)) for tabla in tablas),
        ("instantaneas", lambda con: _expirar(con, now - KEPT)),
        *(("reescritos", _reescribir(tabla)) for tabla in tablas),
        *(("fundidos", _fundir(tabla)) for tabla in tablas),
        ("borrados", lambda con: _borrar(con, now - READERS)),
    ]


def tablas(con: DuckDBPyConnection) -> list[str]:
    """The lake's tables."""
    rows = con.execute("SELECT table_name FROM duckdb_tables() WHERE NOT temporary AND database_name = ?", [ALIAS])
    return sorted(name for (name,) in rows.fetchall())


def _volcar(tabla: str) -> Paso:
    return lambda con: volcar(con, tabla)


def _expirar(con: DuckDBPyConnection, limite: datetime) -> int:
    return int(
        scalar(con, f"SELECT count(*) FROM ducklake_expire_snapshots('{ALIAS}', older_than => {_instant(limite)})")
    )


def _reescribir(tabla: str) -> Paso:
    """Files of which much was deleted; they are read past their dead rows until then."""
    call = f"ducklake_rewrite_data_files('{ALIAS}', '{tabla}', delete_threshold => {DELETED_SHARE})"
    return lambda con: _sum(con, call, "files_processed")


def _fundir(tabla: str) -> Paso:
    call = f"ducklake_merge_adjacent_files('{ALIAS}', '{tabla}', max_compacted_files => {FILES_AT_ONCE})"
    return lambda con: _sum(con, call, "files_processed")


def _borrar(con: DuckDBPyConnection, limite: datetime) -> int:
    return int(
        scalar(con, f"SELECT count(*) FROM ducklake_cleanup_old_files('{ALIAS}', older_than => {_instant(limite)})")
    )


def _sum(con: DuckDBPyConnection, call: str, column: str) -> int:
    return int(scalar(con, f"SELECT COALESCE(sum({column}), 0) FROM {call}"))


def _instant(instant: datetime) -> str:
    return f"TIMESTAMPTZ '{instant.astimezone(UTC).isoformat()}'"
