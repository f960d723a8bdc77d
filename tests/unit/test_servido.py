"""A served file: what readers get, what they are refused, and that the writer depends on none of them."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import duckdb
import pytest
import pytest_asyncio
from duckdb import DuckDBPyConnection
from served import Reader, free_uri, require_extra

from klk_daemon.errors import ConfigError
from klk_daemon.warehouse import extensiones
from klk_daemon.warehouse.archivo import Archivo
from klk_daemon.warehouse.connection import Database
from klk_daemon.warehouse.servido import Servido

pytestmark = pytest.mark.extras
TOKEN = "a token that nobody guesses"
ROWS = "SELECT count(*), sum(n) FROM t"
ANSWERS: dict[str, list[tuple[object, ...]]] = {
    ROWS: [(1000, 499500)],
    "FROM v ORDER BY g LIMIT 1": [(0, 200)],
    "/* of one */ SELECT n FROM t WHERE n = 3; -- line": [(3,)],
    "WITH x AS (SELECT max(n) AS m FROM t) FROM x": [(999,)],
    "VALUES (1)": [(1,)],
    "SHOW TABLES": [("t",), ("v",)],
    "SELECT column_name FROM (DESCRIBE t)": [("n",), ("g",)],
    "SELECT table_name FROM duckdb_tables()": [("t",)],
    "SELECT table_name FROM information_schema.tables ORDER BY 1": [("t",), ("v",)],
    "SELECT x FROM range(2) AS r(x), LATERAL (SELECT unnest([1]))": [(0,), (1,)],
    "SELECT count(*) FROM (PIVOT t ON g IN (1, 2) USING count(*))": [(1000,)],
    "SELECT 'DELETE FROM t; SELECT nextval(''s'')'": [("DELETE FROM t; SELECT nextval('s')",)],
}
REFUSED = [
    "INSERT INTO t VALUES (1, 1)",
    "DELETE FROM t RETURNING *",
    "UPDATE t SET g = 1",
    "WITH x AS (SELECT 1 AS n) INSERT INTO t SELECT n, n FROM x RETURNING *",
    "MERGE INTO t USING t AS o ON false WHEN MATCHED THEN DELETE",
    "TRUNCATE t",
    "DROP TABLE t",
    "ALTER TABLE t ADD COLUMN x INTEGER",
    "CREATE TABLE u (n INTEGER)",
    "CREATE TEMP TABLE u (n INTEGER)",
    "CREATE OR REPLACE MACRO klk_lectores.main.solo_lectura(a, b) AS true",
    "SELECT 1; DELETE FROM t",
    "DELETE FROM t; SELECT 1",
    "SELECT 1; SELECT 2",
    "",
    "EXPLAIN ANALYZE DELETE FROM t",
    "BEGIN",
    "COMMIT",
    "PRAGMA database_size",
    "SET memory_limit = '1GB'",
    "SET GLOBAL quack_authorization_function = 'quack_nop_authorization'",
    "SET VARIABLE x = 1",
    "USE klk_lectores",
    "ATTACH ':memory:' AS z",
    "DETACH klk_lectores",
    "COPY t TO 'out.csv'",
    "COPY (SELECT 1) TO 'out.csv'",
    "EXPORT DATABASE 'out'",
    "INSTALL spatial",
    "LOAD spatial",
    "CREATE SECRET (TYPE quack, TOKEN 'x')",
    "PREPARE p AS SELECT 1",
    "CHECKPOINT",
    "VACUUM",
    "FROM force_checkpoint()",
    'FROM "Checkpoint"()',
    "FROM system.main.checkpoint()",
    "SELECT * FROM t WHERE EXISTS (FROM enable_profiling())",
    "WITH x AS MATERIALIZED (FROM truncate_duckdb_logs()) FROM x",
    "FROM enable_logging('Quack', storage = 'file', storage_config = {'path': 'log'})",
    "CALL quack_stop('quack:localhost:9494')",
    "FROM quack_serve('quack:localhost:9494')",
    "FROM quack_query('quack:localhost:9494', 'DELETE FROM t')",
    "FROM query('SELECT 1')",
    "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "FROM read_text('/etc/hostname')",
    "FROM read_csv('/etc/passwd')",
    "FROM glob('/etc/*')",
    "FROM duckdb_secrets()",
    "SELECT nextval('s')",
    "SELECT \"NextVal\"('s')",
    "SELECT (SELECT write_log('x') FROM t LIMIT 1)",
]


@pytest.fixture(autouse=True)
def _extra() -> None:
    require_extra()


@pytest.fixture
def origen(tmp_path: Path) -> Servido:
    """A file that is served on a free port."""
    return Servido(tmp_path / "klk.db", uri=free_uri(), token=TOKEN)


@pytest_asyncio.fixture
async def db(origen: Servido) -> AsyncIterator[Database]:
    """The served file, with a table, a view and a sequence."""
    db = Database(origen, lock_timeout_s=5)
    await db.transaction(create)
    yield db
    db.close()


@pytest.fixture
def reader(db: Database, origen: Servido) -> Iterator[Reader]:
    """Who has the token."""
    del db
    with Reader(origen.uri, TOKEN) as reader:
        yield reader


def create(con: DuckDBPyConnection) -> None:
    """A thousand rows."""
    con.execute("CREATE TABLE t AS SELECT range AS n, range % 5 AS g FROM range(1000)")
    con.execute("CREATE VIEW v AS SELECT g, count(*) AS filas FROM t GROUP BY g")
    con.execute("CREATE SEQUENCE s")


def add(con: DuckDBPyConnection) -> None:
    """One row more."""
    con.execute("INSERT INTO t VALUES (1, 1)")


def test_answers(reader: Reader) -> None:
    """Whatever only reads is answered, in all of SQL's dialect."""
    assert {sql: reader.ask(sql) for sql in ANSWERS} == ANSWERS


def test_refuses(reader: Reader) -> None:
    """Whatever has an effect on data, server or files is refused, however it is wrapped."""
    assert [sql for sql in REFUSED if "Authorization failed" not in error(reader, sql)] == []
    assert reader.ask(ROWS) == [(1000, 499500)]


def error(reader: Reader, sql: str) -> str:
    """What a reader is told."""
    try:
        return f"answered: {reader.ask(sql)}"
    except duckdb.Error as e:
        return str(e)


def test_no_files(reader: Reader) -> None:
    """Nor does a name reach a file."""
    for sql in ("FROM '/etc/passwd'", "FROM 'x.csv'", "FROM 'https://example.invalid/x.parquet'"):
        with pytest.raises(duckdb.Error, match=r"disabled by configuration|does not exist"):
            reader.ask(sql)


def test_a_mistake_is_told(reader: Reader) -> None:
    """A statement that is wrong gets DuckDB's own words."""
    with pytest.raises(duckdb.Error, match="syntax error"):
        reader.ask("SELEC 1")
    with pytest.raises(duckdb.Error, match="nothing does not exist"):
        reader.ask("FROM nothing")


def test_attached(reader: Reader) -> None:
    """Attached, tables and views are read under the alias; nothing is written through it."""
    reader.attach()
    assert reader.con.execute("SELECT count(*) FROM klk.t WHERE g = 1").fetchall() == [(200,)]
    assert reader.con.execute("SELECT sum(filas) FROM klk.v").fetchall() == [(1000,)]
    assert reader.con.execute("FROM klk.query('SELECT max(n) FROM t')").fetchall() == [(999,)]
    for sql in ("INSERT INTO klk.t VALUES (1, 1)", "DROP TABLE klk.t", "CREATE TABLE klk.u (n INTEGER)"):
        with pytest.raises(duckdb.Error, match="Authorization failed"):
            reader.con.execute(sql)


@pytest.mark.parametrize("token", ["another token", ""])
def test_wrong_token(db: Database, origen: Servido, token: str) -> None:
    """Without the token nothing is answered."""
    del db
    with Reader(origen.uri, token) as reader, pytest.raises(duckdb.Error, match=r"Authentication failed|token"):
        reader.ask("SELECT 1")


async def test_the_token_is_in_no_text(db: Database, origen: Servido) -> None:
    """Neither in what describes the place nor in what a reader can ask for."""
    assert TOKEN not in repr(origen) + origen.name
    with Reader(origen.uri, TOKEN) as reader:
        settings = await asyncio.to_thread(reader.ask, "SELECT sql FROM duckdb_views()")
    del db
    assert TOKEN not in str(settings)


async def test_a_commit_is_seen_at_once(db: Database, reader: Reader) -> None:
    """As soon as the transaction has returned, by a reader that was there before."""
    for more in range(1, 20):
        await db.transaction(add)
        assert await asyncio.to_thread(reader.ask, ROWS) == [(1000 + more, 499500 + more)]


async def test_a_long_reader_blocks_nobody(db: Database, origen: Servido, reader: Reader) -> None:
    """Rows are written, and the file is brought up to date, while a reader is in the middle of its answer."""
    await db.transaction(lambda con: con.execute("CREATE TABLE big AS SELECT range AS n FROM range(500000)"))
    slow = reader.con.execute("FROM quack_query(?, 'FROM big', token = ?)", [origen.uri, TOKEN])
    assert slow.fetchone() == (0,)
    for _ in range(3):
        assert (await db.transaction(add)).carga_s < 2
    await db.transaction(add)
    await asyncio.to_thread(_until_settled, Path(f"{origen.path}.wal"))
    assert len(slow.fetchall()) == 499999


def _until_settled(wal: Path) -> None:
    deadline = time.monotonic() + 10
    while wal.exists() and wal.stat().st_size:
        assert time.monotonic() < deadline, "the log is never brought into the file"
        time.sleep(0.02)


async def test_limits_change_while_it_is_served(db: Database, reader: Reader) -> None:
    """Another memory limit holds from the next transaction on, and nobody is cut off."""
    db.configure(lock_timeout_s=5, memory_limit="300MB")
    await db.transaction(add)
    ((limit,),) = (
        await db.transaction(lambda con: con.execute("SELECT current_setting('memory_limit')").fetchall())
    ).value
    assert limit == "286.1 MiB"
    assert await asyncio.to_thread(reader.ask, "SELECT 1") == [(1,)]


async def test_closed_it_is_a_file_again(origen: Servido) -> None:
    """After the end another program opens it, with all that was committed, though a reader is still there."""
    db = Database(origen, lock_timeout_s=5)
    await db.transaction(create)
    with Reader(origen.uri, TOKEN) as reader:
        assert await asyncio.to_thread(reader.ask, "SELECT 1") == [(1,)]
        await asyncio.to_thread(db.close)
        with pytest.raises(duckdb.Error):
            await asyncio.to_thread(reader.ask, "SELECT 1")


def served(origen: Servido) -> bool:
    """Whether it is, right now."""
    return origen.stays_open


async def test_a_port_that_is_taken(origen: Servido, capsys: pytest.CaptureFixture[str]) -> None:
    """The jobs go on with a file like any other, the log says why, and it is served once the port is free."""
    port = int(origen.uri.rpartition(":")[2])
    db = Database(origen, lock_timeout_s=5)
    with socket.create_server(("127.0.0.1", port)):
        await db.transaction(create)
        assert not served(origen)
        assert "base_no_servida" in capsys.readouterr().out
    async with asyncio.timeout(10):
        while not served(origen):  # what comes while the file is open still, finds it as it is
            await db.transaction(lambda con: con.execute("SELECT 1"))
            await asyncio.sleep(0.01)
    with Reader(origen.uri, TOKEN) as reader:
        assert await asyncio.to_thread(reader.ask, ROWS) == [(1000, 499500)]
    db.close()


async def test_two_daemons_share_no_port(db: Database, origen: Servido, tmp_path: Path) -> None:
    """DuckDB would let both listen, and answer in turns: the second does not."""
    del db
    other = Servido(tmp_path / "other.db", uri=origen.uri, token=TOKEN)
    second = Database(other, lock_timeout_s=5)
    await second.transaction(create)
    assert origen.stays_open
    assert not other.stays_open
    second.close()


def test_one_place() -> None:
    """Two that are served alike are one place; a plain file and a served one are not."""
    file = Path("x.db")
    served = Servido(file, uri="quack:localhost:1", token=TOKEN)
    assert served == Servido(file, uri="quack:localhost:1", token=TOKEN)
    assert served != Servido(file, uri="quack:localhost:2", token=TOKEN)
    assert served != Archivo(file)


def test_missing_extension(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not there, or there for another DuckDB: one sentence with the command that installs it."""
    with pytest.raises(ConfigError, match=r"nothing is not installed — .* -m pip install 'klk-daemon\[quack\]'"):
        extensiones.path("nothing", extra="quack")
    folder = tmp_path / "duckdb_extension_old" / "extensions" / "v1.0.0"
    folder.mkdir(parents=True)
    (tmp_path / "duckdb_extension_old" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"is there for v1\.0\.0, DuckDB is v.* — .*klk-daemon\[quack\]"):
        extensiones.path("old", extra="quack")
