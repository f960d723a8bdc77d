"""A lake as an operator has it: daemons as processes, one store for one of them, another that stands by."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from postgres import Postgres

from klk_daemon.simulator import Simulador
from klk_daemon.warehouse.connection import CONFIG

from .daemon import running, wait_for
from .installation import Instalacion

PASSWORD = "geheim"  # the server asks for none; it must not be seen all the same


class EnLago(Instalacion):
    """One installation of several on a lake."""

    def __init__(self, folder: Path, simulador: Simulador, postgres: Postgres, database: str) -> None:
        folder.mkdir()
        self.lago = postgres.lago(database, folder.parent / "parquet")
        ajustes: dict[str, object] = {
            "database.path": f"ducklake:postgres:{postgres.conninfo(database)} password={PASSWORD}",
            "database.data_path": str(folder.parent / "parquet"),
            "ventas.first_run_days": 0,
        }
        super().__init__(folder, simulador.mundo, simulador.url, ajustes)

    def sql(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Reads the lake as any reader does."""
        with duckdb.connect(config=CONFIG) as con:
            self.lago.prepare(con)
            return con.execute(query, list(parameters)).fetchall()


@pytest.fixture
def dos(tmp_path: Path, simulador: Simulador, postgres: Postgres) -> tuple[EnLago, EnLago]:
    """Two installations with the same four stores."""
    database = postgres.create()
    return tuple(EnLago(tmp_path / name, simulador, postgres, database) for name in ("a", "b"))  # type: ignore[return-value]


def seen(instalacion: Instalacion) -> str:
    """All that an installation has written for people."""
    logs = [path.read_text(encoding="utf-8") for path in instalacion.logs.glob("*.log")]
    return "".join([*logs, instalacion.err()])


@pytest.mark.timeout(300)  # a minute is what it may take, on a machine that has other things to do
def test_a_stand_by_takes_over(dos: tuple[EnLago, EnLago], tmp_path: Path) -> None:
    """Two daemons for the same stores: one works; killed with -9, the other has its stores within a minute."""
    activo, reserva = dos
    with running(activo, timeout_s=60) as primero, running(reserva, runs=0) as segundo:
        wait_for(lambda: len(reserva.of("tienda_en_espera")) == 4, "the second stands by")
        quien = f"(pid {primero.process.pid})"
        assert all(quien in line["la_corre"] for line in reserva.of("tienda_en_espera"))
        assert reserva.of("etl_iniciado") == []

        report = json.loads(reserva.run("status", "--json", code=0).out)  # what another runs is not stale here
        assert set(report["en_espera"]) == set(activo.tiendas)
        assert "on stand-by: run by klk-daemon" in reserva.run("status", code=0).out
        assert json.loads(activo.run("status", "--json", code=0).out)["en_espera"] == {}

        refused = reserva.trigger("ventas", "--tienda", "tienda_08", code=4)
        assert refused.estados == {"tienda_08": ("fallido", "bd_ocupada")}
        assert quien in refused.partes["tienda_08"]["error"]["mensaje"]
        assert activo.sql("SELECT count(*) FROM etl_ejecuciones WHERE estado = 'fallido'") == [(0,)]

        primero.process.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        wait_for(lambda: len(reserva.of("tienda_tomada")) == 4, "the second takes over", 60)
        wait_for(lambda: len(reserva.of("etl_completado")) >= 2, "it runs both jobs", 60)
        assert time.monotonic() - killed < 60
        assert segundo.stop() == 0
    assert activo.en_proceso() == 0
    activo.sales_equal()
    activo.stock_equal()
    commands(activo, tmp_path / "copy.db")
    assert PASSWORD not in seen(activo) + seen(reserva)


def commands(uno: EnLago, copy: Path) -> None:
    """What an operator types works on a lake, and a copy of it is a file with the same rows."""
    assert "schema            version 1" in uno.run("check", code=0).out
    assert "is a lake, and only a file" in uno.run("db", "plan", code=2).err
    assert "exitoso" in uno.run("runs", code=0).out
    where = (str(uno.ajustes["database.path"]), str(copy), "--data-path", str(uno.ajustes["database.data_path"]))
    told = uno.run("db", "copy", *where, code=0)
    assert PASSWORD not in told.out + told.err
    (lines,) = uno.sql("SELECT count(*), sum(venta_total) FROM ventas_raw")
    with duckdb.connect(copy, read_only=True) as con:
        assert con.execute("SELECT count(*), sum(venta_total) FROM ventas_raw").fetchone() == lines
    assert "holds data already" in uno.run("db", "copy", *where, code=2).err


@pytest.mark.lake
def test_postgres_is_restarted(own_postgres: Postgres, simulador: Simulador, tmp_path: Path) -> None:
    """The daemon goes on by itself; what is asked meanwhile fails with one sentence, and is made up."""
    uno = EnLago(tmp_path / "c", simulador, own_postgres, own_postgres.create())
    with running(uno, timeout_s=60) as daemon:
        own_postgres.stop()
        broken = uno.trigger("ventas", code=1)
        assert {tipo for _, tipo in broken.estados.values()} == {"db_error"}
        assert "PostgreSQL" in broken.partes["tienda_01"]["error"]["mensaje"]
        runs = uno.run("runs", code=1)
        assert runs.out == ""
        assert "PostgreSQL: connection to server" in runs.err
        assert "Failed to attach" not in runs.err
        assert "see that PostgreSQL runs" in runs.err
        own_postgres.start()
        assert set(uno.trigger("ventas").estados.values()) == {("exitoso", None)}

        otro = uno.lago.turnos
        assert otro.tomar(uno.tiendas) == frozenset()
        uno.ajustes["database.path"] = "data/klk.db"
        uno.configure()
        daemon.reload()  # from the lake to a file: the stores are free for others
        wait_for(lambda: otro.tomar(uno.tiendas) == set(uno.tiendas), "the stores are free")
        otro.cerrar()
        assert daemon.stop() == 0
    assert uno.sql("SELECT count(*) FROM etl_ejecuciones WHERE error_tipo = 'db_error'")[0][0] >= 4
    uno.sales_equal()
