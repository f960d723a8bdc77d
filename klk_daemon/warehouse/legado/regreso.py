"""The way back: an SQL script, beside the backup, that undoes the migration."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from klk_daemon.warehouse import respaldo, schema
from klk_daemon.warehouse.legado.hallazgos import Hallazgos
from klk_daemon.warehouse.legado.plan import VENTAS, Cambios

NAME = "volver.sql"
HEAD = """\
-- Gives the database the shape back that it had before `klk-daemon db migrate`. To be run with the DuckDB of the
-- programs that read it (1.0: a newer one writes keys that 1.0 cannot open), with klk-daemon stopped:
--     duckdb {base} < {script}
-- Sale lines that were written since stay; the stock and the ledger become those of the backup.
"""


def texto(hallazgos: Hallazgos, que: Cambios, *, base: Path, carpeta: Path) -> str:
    """The script.

    Args:
        hallazgos: the database before the migration.
        que: what the migration does.
        base: the database file.
        carpeta: where the backup lies.
    """
    return HEAD.format(base=base, script=carpeta / NAME) + "\n".join(_sentencias(hallazgos, que, carpeta)) + "\n"


def _sentencias(hallazgos: Hallazgos, que: Cambios, carpeta: Path) -> Iterator[str]:
    yield "BEGIN;"
    yield from (f"DROP VIEW IF EXISTS {vista.nombre};" for vista in reversed(que.vistas))
    yield from (f"DROP TABLE IF EXISTS {nombre};" for nombre in (*que.nuevas, schema.VERSION, *que.rehechas))
    yield "COMMIT;"
    for nombre in que.rehechas:
        tabla = hallazgos.tablas[nombre]
        columnas = ", ".join(f'"{c}"' for c in tabla.columnas)
        yield tabla.sql
        archivo = respaldo.literal(carpeta / f"{nombre}.parquet")
        yield f"INSERT INTO {nombre} ({columnas}) SELECT {columnas} FROM read_parquet({archivo});"
        yield from _lineas(tabla.indices.values())
    yield from (f"ALTER TABLE {VENTAS} DROP COLUMN {columna};" for columna in que.agregadas)
    yield from _lineas(hallazgos.tablas[tabla].indices[indice] for indice, tabla in que.indices.items())
    yield from _lineas(vista.sql for vista in que.vistas)
    yield "CHECKPOINT;"


def _lineas(sentencias: Iterable[str]) -> Iterator[str]:
    yield from (f"{sentencia.rstrip().rstrip(';')};" for sentencia in sentencias)
