"""The plan for a database of the older pipeline: right to the number, and honest about what it takes."""

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest
from held import held
from legado.toma import AHORA, ajustes, callado, mirar, tomar

from klk_daemon.bootstrap.legado import examinar, mib
from klk_daemon.bootstrap.migracion import Freno, migrar
from klk_daemon.cli import dbtext
from klk_daemon.errors import BaseOcupada, ConfigError, KlkError
from klk_daemon.settings import Settings
from klk_daemon.warehouse import schema
from klk_daemon.warehouse.legado import hallazgos, plan


def test_the_plan_is_right_to_the_number(base: Path, cruda: tuple[Path, list[list[Any]]]) -> None:
    """Tables, kinds of columns, keys, indexes, foreign keys, views, rows, copies; and it changes nothing."""
    antes = base.read_bytes()
    examen = mirar(base)
    assert base.read_bytes() == antes
    assert [*base.parent.iterdir()] == [base]
    hallado, que = examen.hallazgos, examen.cambios
    assert hallado.legado
    assert [[m.ubicacion_id, m.mes, m.lineas, m.duplicadas, m.con_diferencias] for m in examen.meses] == cruda[1]
    assert examen.duplicadas == sum(mes[3] for mes in cruda[1]) > 0
    assert sum(m.con_diferencias for m in examen.meses) > 0
    assert {t.nombre: t.filas for t in hallado.tablas.values()} == {
        "ubicaciones": 4,
        "productos": 300,
        "stock_actual": 3 * 59,
        "facturas": 100,
        "items_facturas": 600,
        "movimientos_inventario": 600,
        "etl_ejecuciones": 1000,
        "ventas_raw": sum(mes[2] for mes in cruda[1]),
    }
    stock, libro = hallado.tablas["stock_actual"], hallado.tablas["etl_ejecuciones"]
    assert stock.claves == ("PRIMARY KEY(ubicacion_id, producto_id)",)
    assert [*stock.indices, *libro.indices] == [
        *("idx_stock_producto", "idx_stock_ubicacion"),
        *("idx_etl_estado", "idx_etl_inicio", "idx_etl_tipo"),
    ]
    assert len(stock.foraneas) == 2
    assert hallado.referencias["productos"] == ("items_facturas", "movimientos_inventario", "stock_actual")
    assert hallado.tablas["ventas_raw"].tipos == {"VARCHAR": 54, "TIMESTAMP": 1}
    assert {v.nombre: sorted(v.tablas) for v in hallado.vistas} == {
        '"main"."v_ultimas_ejecuciones"': ["etl_ejecuciones"],
        '"main"."v_gaps_por_recuperar"': ["etl_ejecuciones"],
        '"main"."v_metricas_confiabilidad"': ["etl_ejecuciones"],
        '"main"."v_stock"': ["productos", "stock_actual"],
        '"main"."v_ventas"': ["ventas_raw"],
        '"main"."v por dia"': ["ventas_raw"],
    }
    assert que.rehechas == ("stock_actual", "etl_ejecuciones")
    assert que.indices == {"mio": "productos"}
    assert not que.obstaculos
    assert len(que.vistas) == 6
    assert que.agregadas["tasa_usd"] == "VARCHAR"
    assert que.agregadas["fecha_actualizacion"] == "TIMESTAMP"
    assert examen.alcanza()


def test_too_little_room_is_said_before_anything_is_done(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How much is needed, and how much there is."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 1024**2))
    examen = mirar(base)
    assert not examen.alcanza()
    with pytest.raises(KlkError, match=r"needs .* MiB on the disk of .*, 1.0 MiB are free"):
        tomar(base)
    assert [*base.parent.iterdir()] == [base]


def test_what_dedupe_sets_aside_needs_room_as_well(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for the migration alone: with --dedupe it is refused and nothing is done; the plan says so."""
    solo = mirar(base).estimacion.total
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, solo))
    examen = mirar(base)
    assert examen.alcanza()
    assert not examen.alcanza(dedupe=True)
    assert f"{mib(examen.necesita(dedupe=True))} in all: TOO LITTLE" in dbtext.report(examen)
    with pytest.raises(KlkError, match=r"the migration with --dedupe needs"):
        tomar(base, dedupe=True)
    assert [*base.parent.iterdir()] == [base]
    assert tomar(base).migracion is not None


def test_a_file_that_another_program_holds(base: Path) -> None:
    """A reader beside it is no hindrance to the plan, but to the migration; a writer is to both. It is named."""
    for how in ("reader", "writer"):
        with held(base, how) as holder:
            hacer: Callable[[Settings], Coroutine[Any, Any, object]] = examinar
            if how == "reader":
                hacer = partial(
                    migrar, examen=mirar(base), dedupe=False, now=lambda: AHORA, decir=callado, freno=Freno()
                )
            with pytest.raises(BaseOcupada, match=f"pid {holder.pid}"):
                asyncio.run(hacer(ajustes(base)))


def test_a_database_that_needs_nothing(tmp_path: Path) -> None:
    """A new installation's, an operator's own tables, a newer program's."""
    nueva = tmp_path / "nueva.db"
    with duckdb.connect(str(nueva)) as con:
        con.execute("CREATE TABLE propia (a INTEGER)")
    assert not mirar(nueva).hallazgos.legado
    with duckdb.connect(str(nueva)) as con:
        schema.ensure(con, AHORA)
    examen = mirar(nueva)
    assert (examen.hallazgos.legado, examen.meses, examen.estimacion.total) == (False, [], 0)
    with duckdb.connect(str(nueva)) as con:
        con.execute("INSERT INTO esquema_version VALUES (999, NULL)")
    with pytest.raises(ConfigError, match="upgrade"):
        mirar(nueva)


def test_the_estimate_grows_with_the_rows(base: Path) -> None:
    """For 82 million lines it is minutes and gigabytes, and says so."""
    del base

    def tabla(nombre: str, filas: int, **columnas: str) -> hallazgos.Tabla:
        return hallazgos.Tabla(nombre, filas, columnas, (), (), {}, "")

    grande = hallazgos.Hallazgos(None, {"ventas_raw": tabla("ventas_raw", 82_000_000, venta_total="VARCHAR")}, (), {})
    e = plan.estimar(grande, plan.cambios(grande))
    assert 60 < e.segundos < 1800
    assert 2**30 < e.total < 40 * 2**30
