"""What readers of a served file may ask: reading statements alone, decided by DuckDB's own parser.

DuckDB's remote protocol asks a function of ours before each statement. A served statement is one that
`json_serialize_sql` knows, which is SELECT in all its forms (FROM, WITH, VALUES, DESCRIBE, SHOW, SUMMARIZE), and that
calls no function with an effect beyond its answer: among the table functions there are such that write files, stop the
server, or run text that nobody has looked at, so that only those below are let through.
"""

from duckdb import DuckDBPyConnection

# A database in memory beside the file: the function must be seen by every connection, and is none of the file's.
CATALOG = "klk_lectores"
FUNCTION = f"{CATALOG}.main.solo_lectura"
TABLE_FUNCTIONS = (
    "duckdb_columns",
    "duckdb_constraints",
    "duckdb_databases",
    "duckdb_functions",
    "duckdb_indexes",
    "duckdb_keywords",
    "duckdb_schemas",
    "duckdb_sequences",
    "duckdb_tables",
    "duckdb_types",
    "duckdb_views",
    "generate_series",
    "histogram",
    "histogram_values",
    "json_each",
    "json_tree",
    "pg_timezone_names",
    "pragma_database_size",
    "pragma_show",
    "pragma_table_info",
    "pragma_version",
    "range",
    "repeat",
    "repeat_row",
    "unnest",
)
# The only scalar ones with an effect: a sequence that moves, the server's log, a thread that is held.
REFUSED = ("nextval", "write_log", "sleep_ms")


def limit(con: DuckDBPyConnection) -> None:
    """Has every statement of a remote reader looked at, and closes files and network to all statements.

    Args:
        con: the connection that will serve; `quack` is loaded. What DuckDB itself needs of the disk stays open: the
            database, its log, and the folder to spill to.

    Raises:
        duckdb.Error: it cannot be set.
    """
    con.execute(f"ATTACH ':memory:' AS {CATALOG}")
    con.execute(
        # A statement that cannot be parsed is passed on: DuckDB's words say what is wrong with it.
        f"CREATE MACRO {FUNCTION}(sesion, consulta) AS ("
        "SELECT CASE WHEN j ->> '$.error_type' = 'parser' THEN true WHEN j ->> '$.error' <> 'false' THEN false"
        " ELSE json_array_length(j, '$.statements') = 1"
        f" AND list_has_all({_list(TABLE_FUNCTIONS)}, {_names('$..function.function_name')})"
        f" AND NOT list_has_any({_list(REFUSED)}, {_names('$..function_name')}) END"
        " FROM (SELECT CAST(json_serialize_sql(CAST(consulta AS VARCHAR)) AS JSON) AS j))"
    )
    con.execute(f"SET GLOBAL quack_authorization_function = '{FUNCTION}'")
    con.execute("SET GLOBAL enable_external_access = false")


def _list(names: tuple[str, ...]) -> str:
    return "[" + ", ".join(f"'{name}'" for name in names) + "]"


def _names(path: str) -> str:
    return f"list_transform(json_extract_string(j, '{path}'), lambda name: lower(name))"
