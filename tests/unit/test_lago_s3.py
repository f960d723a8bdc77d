"""A lake's files in an object store: whose credentials, and that they are written and read there."""

from datetime import datetime

import pytest
from duckdb import DuckDBPyConnection
from object_store import object_store
from postgres import Postgres

from klk_daemon.bootstrap import place
from klk_daemon.errors import BaseFallida
from klk_daemon.warehouse import schema
from klk_daemon.warehouse.connection import Database

AHORA = datetime(2025, 11, 17, 12)  # noqa: DTZ001 - naive local time


def test_credentials_of_an_object_store() -> None:
    """The variables that all clients read; what stands in for Amazon is asked by path, over TLS or not."""
    env = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "eu", "AWS_SESSION_TOKEN": ""}
    assert place.s3(env) == {"KEY_ID": "k", "SECRET": "s", "REGION": "eu"}
    assert place.s3({"AWS_ENDPOINT_URL": "http://minio:9000"}) == {
        "ENDPOINT": "minio:9000",
        "USE_SSL": "false",
        "URL_STYLE": "path",
    }


async def test_files_in_an_object_store(postgres: Postgres) -> None:
    """With the variables that all its clients read: what is written lies there, signed for, and is read from there."""
    with object_store("AKIAKLK") as store:
        env = {"AWS_ACCESS_KEY_ID": "AKIAKLK", "AWS_SECRET_ACCESS_KEY": "s3cr3t", "AWS_ENDPOINT_URL": store.url}
        path = f"ducklake:postgres:{postgres.conninfo(postgres.create())}"
        db = Database(place.origen(path, "s3://bucket/klk", env=env))

        def fill(con: DuckDBPyConnection) -> None:
            schema.ensure(con, AHORA)
            con.execute("INSERT INTO ventas_raw (numero_factura, linea) SELECT 'C' || i, i FROM range(5000) AS r(i)")

        await db.transaction(fill)
        assert [p for p in store.objects if p.startswith("/bucket/klk/main/ventas_raw/")]
        total = "SELECT count(*), sum(linea) FROM ventas_raw"
        assert (await db.transaction(lambda con: con.execute(total).fetchone(), keep=False)).value == (5000, 12497500)
        db.close()
        assert "unsigned" not in store.asked

        gone = Database(place.origen(path, "s3://bucket/klk", env=env))
        store.objects.clear()
        with pytest.raises(BaseFallida, match=r"see database\.data_path") as e:
            await gone.transaction(lambda con: con.execute(total).fetchone(), keep=False)
        assert "s3cr3t" not in str(e.value)
        gone.close()
