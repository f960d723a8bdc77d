"""The ledger, its rows that wait in the state directory, and the rows that were put aside."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from duckdb import DuckDBPyConnection

from klk_daemon.domain import Estado, Job, Rechazo, Tienda
from klk_daemon.warehouse import ejecuciones, rechazos
from klk_daemon.warehouse.ejecuciones import Ejecucion
from klk_daemon.warehouse.pendientes import NAME, Pendientes

T0 = datetime(2025, 11, 17, 12, 5)  # noqa: DTZ001 - a store's wall clock
T1 = T0 + timedelta(seconds=90)
EMPEZADA = Ejecucion(
    run_id="r1",
    etl_tipo=Job.VENTAS,
    modo="incremental",
    ubicacion_id="tienda_01",
    ubicacion_nombre="PERIFERICO",
    fecha_inicio=T0,
    version_etl="1",
    host="caja",
)
FALLIDA = replace(
    EMPEZADA,
    estado=Estado.FALLIDO,
    fecha_fin=T1,
    duracion_segundos=90.5,
    fecha_desde=date(2025, 11, 17),
    hora_desde=time(11, 5),
    error_tipo="timeout",
    error_mensaje="no whole answer — «ñ»\nin two lines",
    rechazados=2,
)


def ledger(con: DuckDBPyConnection, columnas: str = "id, run_id, ubicacion_id, estado") -> list[tuple[Any, ...]]:
    """Its rows, in order."""
    return con.execute(f"SELECT {columnas} FROM etl_ejecuciones ORDER BY id").fetchall()


def test_one_row_per_store_and_run(con: DuckDBPyConnection) -> None:
    """The end is written over the start; another store or run is another row with the next id."""
    ejecuciones.guardar(con, [EMPEZADA, replace(EMPEZADA, ubicacion_id="tienda_08")])
    ejecuciones.guardar(con, [replace(EMPEZADA, run_id="r2"), FALLIDA])
    assert ledger(con) == [
        (1, "r1", "tienda_01", "fallido"),
        (2, "r1", "tienda_08", "en_proceso"),
        (3, "r2", "tienda_01", "en_proceso"),
    ]
    columnas = (
        "fecha_inicio, fecha_fin, duracion_segundos, fecha_desde, hora_desde, error_tipo, error_mensaje, rechazados"
    )
    assert ledger(con, columnas)[0] == (
        T0, T1, 90.5, date(2025, 11, 17), time(11, 5), "timeout", FALLIDA.error_mensaje, 2,
    )  # fmt: skip


def test_saving_bears_repetition(con: DuckDBPyConnection) -> None:
    """A commit whose answer was lost may have happened."""
    for _ in range(3):
        ejecuciones.guardar(con, [FALLIDA])
    assert len(ledger(con)) == 1


def test_rows_that_are_there_and_rows_that_are_not_in_one_call(con: DuckDBPyConnection) -> None:
    """Some are written over, some are new with ids in their order; of the same twice the last stands, as one row."""
    ejecuciones.empezar(con, [EMPEZADA, replace(EMPEZADA, ubicacion_id="tienda_08")])
    otra = replace(EMPEZADA, run_id="r2")
    ejecuciones.guardar(con, [otra, FALLIDA, replace(FALLIDA, run_id="r2"), replace(otra, ubicacion_id="tienda_08")])
    ejecuciones.guardar(con, [FALLIDA, replace(EMPEZADA, estado=Estado.EXITOSO)])
    ejecuciones.guardar(con, [])
    assert ledger(con) == [
        (1, "r1", "tienda_01", "exitoso"),
        (2, "r1", "tienda_08", "en_proceso"),
        (3, "r2", "tienda_01", "fallido"),
        (4, "r2", "tienda_08", "en_proceso"),
    ]


def test_every_column_comes_back_as_it_was(con: DuckDBPyConnection) -> None:
    """To the microsecond, with quotes and zero bytes in a text; alone or with others, and empty where it is empty."""
    micro = timedelta(microseconds=123_456)
    llena = replace(
        FALLIDA,
        fecha_inicio=T0 + micro,
        fecha_fin=T1 + micro,
        fecha_hasta=date(2025, 11, 18),
        hora_hasta=time(23, 59, 59, 999_999),
        error_mensaje='it\'s "this" \\ {that} \x00 ñ 🧾',
        duracion_segundos=0.1 + 0.2,
        registros_extraidos=2**31 - 1,
        espera_bd_s=1e-7,
        extraccion_s=0.0,
    )
    campos = [*Ejecucion.__dataclass_fields__]
    for fila in (llena, EMPEZADA, llena):
        ejecuciones.guardar(con, [fila])
        assert ledger(con, ", ".join(campos)) == [tuple(getattr(fila, c) for c in campos)]
    ejecuciones.empezar(con, [replace(EMPEZADA, run_id="r2")])
    for filas in ([EMPEZADA, replace(EMPEZADA, run_id="r2")], [EMPEZADA, replace(llena, run_id="r2")]):
        ejecuciones.guardar(con, filas)
        assert ledger(con, ", ".join(campos)) == [tuple(getattr(f, c) for c in campos) for f in filas]


def test_a_table_of_other_types(con: DuckDBPyConnection) -> None:
    """As an older pipeline may have made them, one without some of the columns."""
    con.execute(
        "CREATE OR REPLACE TABLE etl_ejecuciones (id INTEGER, run_id VARCHAR(20), ubicacion_id VARCHAR(50),"
        " etl_tipo VARCHAR, fecha_inicio VARCHAR, hora_desde VARCHAR, duracion_segundos DECIMAL(10, 2),"
        " registros_extraidos BIGINT, rechazados VARCHAR, estado VARCHAR, error_mensaje TEXT)"
    )
    ejecuciones.empezar(con, [EMPEZADA])
    for filas in ([FALLIDA], [FALLIDA, replace(FALLIDA, run_id="r2")]):
        ejecuciones.guardar(con, filas)
        assert con.execute("SELECT * EXCLUDE (error_mensaje) FROM etl_ejecuciones ORDER BY id").fetchall() == [
            (n, f.run_id, "tienda_01", "ventas", "2025-11-17 12:05:00", "11:05:00", Decimal("90.50"), 0, "2", "fallido")
            for n, f in enumerate(filas, start=1)
        ]


def test_what_a_dead_process_left_is_repaired(con: DuckDBPyConnection) -> None:
    """`fallido` with `interrumpido`; rows of another job, another installation or of ended runs stay."""
    otra, ajena = (
        replace(EMPEZADA, etl_tipo=Job.INVENTARIO, run_id="r2"),
        replace(EMPEZADA, host="otra", ubicacion_id="tienda_77", run_id="r3"),
    )
    buena = replace(EMPEZADA, estado=Estado.EXITOSO, run_id="r4")
    ejecuciones.guardar(con, [EMPEZADA, otra, ajena, buena])
    assert ejecuciones.reparar(con, [Job.VENTAS], ["tienda_01"], "caja", T1) == 1
    assert ejecuciones.reparar(con, [Job.VENTAS], ["tienda_01"], "caja", T1) == 0
    assert ledger(con, "run_id, estado, error_tipo, fecha_fin, duracion_segundos") == [
        ("r1", "fallido", "interrumpido", T1, 90.0),
        ("r2", "en_proceso", None, None, None),
        ("r3", "en_proceso", None, None, None),
        ("r4", "exitoso", None, None, None),
    ]


def test_a_machine_that_was_renamed_repairs_its_rows(con: DuckDBPyConnection) -> None:
    """A container has another host name at each start: a row of one of our stores is ours."""
    ejecuciones.guardar(con, [EMPEZADA])
    assert ejecuciones.reparar(con, [Job.VENTAS], ["tienda_01"], "otra", T1) == 1


def test_stores_are_noted(con: DuckDBPyConnection, periferico: Tienda, bosque: Tienda) -> None:
    """New ones in, names and `activo` up to date, the rest untouched."""
    ejecuciones.anotar_tiendas(con, [periferico, bosque], T0)
    ejecuciones.anotar_tiendas(con, [replace(periferico, nombre="NUEVO"), bosque], T1)
    rows = con.execute("SELECT id, codigo, nombre, tipo, activo, created_at, updated_at FROM ubicaciones ORDER BY 1")
    assert rows.fetchall() == [
        ("tienda_01", "SUC001", "NUEVO", "tienda", True, T0, T1),
        ("tienda_08", "SUC002", "BOSQUE", "tienda", True, T0, T0),
    ]


def test_rows_that_wait_are_written_at_the_next_chance(con: DuckDBPyConnection, tmp_path: Path) -> None:
    """As they are, once; the file is private, and goes when it is forgotten."""
    pendientes = Pendientes(tmp_path)
    assert pendientes.escribir(con) == 0
    pendientes.apartar([FALLIDA])
    pendientes.apartar([replace(FALLIDA, run_id="r2")])
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    assert Pendientes(tmp_path).leer() == [FALLIDA, replace(FALLIDA, run_id="r2")]
    for _ in range(2):
        assert pendientes.escribir(con) == 2
    pendientes.olvidar()
    pendientes.olvidar()
    assert not (tmp_path / NAME).exists()
    assert [r[1] for r in ledger(con)] == ["r1", "r2"]


def test_a_row_that_waits_may_end_one_that_was_begun(con: DuckDBPyConnection, tmp_path: Path) -> None:
    """The start was written, the end was not."""
    ejecuciones.guardar(con, [EMPEZADA])
    Pendientes(tmp_path).apartar([FALLIDA])
    Pendientes(tmp_path).escribir(con)
    assert ledger(con) == [(1, "r1", "tienda_01", "fallido")]


@pytest.mark.parametrize("torn", [b"{", b'{"run_id": "r9", "etl_ti', b"\x00\x00\x00"])
def test_a_line_that_a_crash_cut_short_is_passed_over(tmp_path: Path, torn: bytes) -> None:
    """The others are written."""
    Pendientes(tmp_path).apartar([FALLIDA])
    with (tmp_path / NAME).open("ab") as f:
        f.write(torn)
    assert Pendientes(tmp_path).leer() == [FALLIDA]


@pytest.mark.parametrize("torn", [b"{", b"\x00\x00\x00", b"\xff\n", b'{"run_id": 1}\n'])
def test_a_line_cut_short_does_not_spoil_those_after_it(tmp_path: Path, torn: bytes) -> None:
    """A crash, then more rows that wait: every whole row is read, and no run fails for the torn one."""
    pendientes = Pendientes(tmp_path)
    pendientes.apartar([FALLIDA])
    with (tmp_path / NAME).open("ab") as f:
        f.write(torn)
    pendientes.apartar([replace(FALLIDA, run_id="r2")])
    assert pendientes.leer() == [FALLIDA, replace(FALLIDA, run_id="r2")]


def test_what_comes_to_wait_meanwhile_is_not_forgotten(con: DuckDBPyConnection, tmp_path: Path) -> None:
    """Another job's failure, put aside between the commit and `olvidar`, is written at the chance after."""
    pendientes = Pendientes(tmp_path)
    pendientes.apartar([FALLIDA])
    pendientes.escribir(con)
    pendientes.apartar([replace(FALLIDA, run_id="r2")])
    pendientes.olvidar()
    assert replace(FALLIDA, run_id="r2") in pendientes.leer()


def puestas(con: DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """The rows put aside."""
    return con.execute(
        "SELECT motivo, fila, veces, primera_vez, ultima_vez FROM filas_rechazadas"
        " ORDER BY job, ubicacion_id, motivo, fila"
    ).fetchall()


def test_a_row_put_aside_is_kept_whole(con: DuckDBPyConnection) -> None:
    """As JSON, with why; NaN becomes text, since JSON has none."""
    fila = {"Codigo": "á'\x00", "stock": float("nan"), "x": [None, {"y": float("-inf")}]}
    rechazos.anotar(con, Job.INVENTARIO, "tienda_01", [Rechazo("stock: bad", fila)], T0)
    assert con.execute("SELECT fila ->> '$.stock', fila ->> '$.x[1].y' FROM filas_rechazadas").fetchall() == [
        ("nan", "-inf")
    ]
    ((_, _, veces, primera, ultima),) = puestas(con)
    assert (veces, primera, ultima) == (1, T0, T0)


def test_the_same_row_again_only_counts_up(con: DuckDBPyConnection) -> None:
    """Once a time that it was seen in a run, be it twice in that answer; another job, store or reason is another."""
    malo = Rechazo("m", {"a": float("nan")})
    rechazos.anotar(con, Job.VENTAS, "tienda_01", [malo, malo], T0)
    rechazos.anotar(con, Job.VENTAS, "tienda_01", [malo, Rechazo("m", None)], T1)
    rechazos.anotar(con, Job.VENTAS, "tienda_08", [malo], T1)
    rechazos.anotar(con, Job.INVENTARIO, "tienda_01", [malo], T1)
    rechazos.anotar(con, Job.VENTAS, "tienda_01", [Rechazo("n", malo.fila)], T1)
    rechazos.anotar(con, Job.VENTAS, "tienda_01", [], T1)
    a = '{"a": "nan"}'
    assert puestas(con) == [
        ("m", a, 1, T1, T1),
        ("m", "null", 1, T1, T1),
        ("m", a, 2, T0, T1),
        ("n", a, 1, T1, T1),
        ("m", a, 1, T1, T1),
    ]
