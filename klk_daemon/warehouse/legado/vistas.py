"""Views over tables that change: made anew, with the columns that they had."""

import re

import duckdb
from duckdb import DuckDBPyConnection

from klk_daemon.errors import ConfigError
from klk_daemon.warehouse.legado.hallazgos import Vista, columnas

NAME = r'(?:"(?:[^"]|"")*"|\w+)'
VIEW = re.compile(
    rf"CREATE (?:OR REPLACE )?VIEW (?:IF NOT EXISTS )?(?P<nombre>{NAME}(?:\.{NAME})*)"
    rf"\s*(?P<alias>\(\s*{NAME}(?:\s*,\s*{NAME})*\s*\))?\s*AS\s+(?P<consulta>.*?)\s*;?\s*",
    re.DOTALL,
)


def rehacer(con: DuckDBPyConnection, vista: Vista) -> None:
    """Makes a view anew: DuckDB 1.0 does not read one whose columns' types have changed under it.

    One that takes all columns of a table (`SELECT *`) would show the new ones, too: it gets a list of those it had.

    Raises:
        ConfigError: it cannot be read any more, such as for a column that two of its tables have now.
    """
    partes = VIEW.fullmatch(vista.sql.strip())
    if partes is None:
        raise _perdida(vista, "its SQL is of a kind that klk-daemon does not know")
    alias, consulta = partes["alias"] or "", partes["consulta"]
    try:
        con.execute(f"CREATE OR REPLACE VIEW {vista.nombre}{alias} AS {consulta}")
        if columnas(con, vista.nombre) != vista.columnas:
            lista = ", ".join('"' + c.replace('"', '""') + '"' for c in vista.columnas)
            con.execute(f"CREATE OR REPLACE VIEW {vista.nombre} AS SELECT {lista} FROM ({consulta}) AS antes{alias}")
    except duckdb.InterruptException:
        raise
    except duckdb.Error as e:
        raise _perdida(vista, str(e).splitlines()[0]) from e


def _perdida(vista: Vista, why: str) -> ConfigError:
    return ConfigError(
        f"the view {vista.titulo} would not survive: {why}",
        hint="nothing was changed; drop it, or change it, and make it anew after `db migrate`",
    )
