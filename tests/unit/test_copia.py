"""`db copy`: a file's data in a lake and back, text made values, an interruption made good."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from duckdb import DuckDBPyConnection
from postgres import Postgres

from klk_daemon.bootstrap.copia import copiar
from klk_daemon.errors import BaseFallida, ConfigError
from klk_daemon.warehouse import copia, schema
from klk_daemon.warehouse.connection import CONFIG
from klk_daemon.warehouse.origen import Origen

AHORA = datetime(2025, 11, 17, 12)  # noqa: DTZ001 - naive local time
LINEAS = (
    "INSERT INTO ventas_raw (ubicacion_id, numero_factura, linea, fecha, hora, fecha_hora_completa, venta_total,"
    " es_no_fiscal, descripcion_producto) SELECT 'tienda_0' || (i % 3), 'C' || i, 1,"
    " CAST(DATE '2025-10-01' + INTERVAL (i % 60) DAY AS DATE),"
    " TIME '12:00:00', TIMESTAMP '2025-10-01 12:00:00' + INTERVAL (i % 60) DAY, i / 7, i % 2 = 0, 'pan ' || i"
    " FROM range({}) AS r(i)"
)
OTHERS = (
    "INSERT INTO stock_actual (ubicacion_id, producto_id, cantidad) VALUES ('tienda_01', 'p', 2.5);"
    " INSERT INTO ventas_correcciones (ubicacion_id, despues) VALUES ('tienda_01', '{\"a\": 1}');"
    " INSERT INTO filas_rechazadas VALUES (now()::TIMESTAMP, now()::TIMESTAMP, 1, 'ventas', 'tienda_01', 'm', '{}')"
)


@dataclass(frozen=True, slots=True)
class Lugares:
    """A file with data, and a lake that is empty."""

    file: Path
    lake: str
    data_path: str
    view: Callable[[], Origen]

    def copy(self, desde: str, hasta: str) -> copia.Copia:
        """The command's work."""
        return copiar(desde, hasta, self.data_path, now=AHORA, avance=_quiet)[2]

    def in_lake(self, query: str) -> list[tuple[object, ...]]:
        """As a reader has it."""
        with duckdb.connect(config=CONFIG) as con:
            self.view().prepare(con)
            return con.execute(query).fetchall()


def _quiet(_table: str, _rows: int, _total: int) -> None:
    """Nobody looks."""


@pytest.fixture
def lugares(tmp_path: Path, postgres: Postgres) -> Lugares:
    """Some lines of three stores in two months, and a row here and there."""
    file = tmp_path / "klk.db"
    with duckdb.connect(file, config=CONFIG) as con:
        schema.ensure(con, AHORA)
        con.execute(LINEAS.format(600))
        con.execute(OTHERS)
    name, data = postgres.create(), tmp_path / "copied"
    return Lugares(file, f"ducklake:postgres:{postgres.conninfo(name)}", str(data), lambda: postgres.lago(name, data))


def test_there_and_back(lugares: Lugares, tmp_path: Path) -> None:
    """Every table, every value: a file copied to a lake, and that to a file, is the file."""
    there = lugares.copy(str(lugares.file), lugares.lake)
    assert {c.tabla: c.filas for c in there.tablas}["ventas_raw"] == 600
    assert not there.dejadas
    back = tmp_path / "back.db"
    lugares.copy(lugares.lake, str(back))
    with duckdb.connect(back) as con:
        con.execute(f"ATTACH '{lugares.file}' AS a (READ_ONLY)")
        for table in (c.tabla for c in there.tablas):
            assert con.execute(f"SELECT * FROM {table} EXCEPT SELECT * FROM a.{table}").fetchall() == [], table
            assert con.execute(f"SELECT * FROM a.{table} EXCEPT SELECT * FROM {table}").fetchall() == [], table
        assert con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'copia_en_curso'").fetchone() == (
            0,
        )
        # A copy is another database: notes of the old one's commits say nothing of it.
        assert con.execute(
            "SELECT count(DISTINCT base_id) FROM (FROM ultimo_commit UNION ALL FROM a.ultimo_commit)"
        ).fetchone() == (2,)


def test_text_becomes_values(lugares: Lugares) -> None:
    """A migrated file's text is read as its column's type; what is none is NULL, its line kept aside whole."""
    with duckdb.connect(lugares.file) as con:
        for column in ("fecha", "hora", "venta_total", "es_no_fiscal", "linea", "fecha_hora_completa"):
            con.execute(f"ALTER TABLE ventas_raw ALTER {column} TYPE VARCHAR")
        con.execute("UPDATE ventas_raw SET venta_total = 'N/A' WHERE numero_factura = 'C7'")
        con.execute("UPDATE ventas_raw SET venta_total = '', fecha = 'ayer' WHERE numero_factura = 'C8'")
        con.execute("ALTER TABLE ventas_raw ADD COLUMN de_casa VARCHAR DEFAULT 'suyo'")
        con.execute("CREATE TABLE proveedores (n INTEGER); CREATE VIEW v_ventas AS SELECT * FROM ventas_raw")
    copiada = lugares.copy(str(lugares.file), lugares.lake)
    assert [(c.filas, c.ilegibles) for c in copiada.tablas if c.tabla == "ventas_raw"] == [(600, 2)]
    assert copiada.dejadas == ["proveedores", "view v_ventas"]
    (line,) = lugares.in_lake(
        "SELECT typeof(fecha), typeof(venta_total), venta_total, hora, de_casa FROM ventas_raw"
        " WHERE numero_factura = 'C70'"
    )
    assert tuple(map(str, line)) == ("DATE", "DECIMAL(18,6)", "10.000000", "12:00:00", "suyo")
    aside = lugares.in_lake(
        "SELECT motivo, fila ->> 'venta_total', fila ->> 'fecha' FROM filas_rechazadas WHERE job = 'copia' ORDER BY ALL"
    )
    assert aside == [("ventas_raw: fecha", "", "ayer"), ("ventas_raw: venta_total", "N/A", "2025-10-08")]
    assert lugares.in_lake("SELECT count(*) FROM ventas_raw WHERE venta_total IS NULL") == [(2,)]


def test_an_interrupted_copy_goes_on(lugares: Lugares, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was committed is not copied twice, and nothing is missing."""
    real, parts = copia._copiar, []

    def broken(con: DuckDBPyConnection, **how: object) -> None:
        parts.append(how["parte"])
        if len(parts) == 9:
            raise BaseFallida("the disk is full")
        real(con, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(copia, "_copiar", broken)
    with pytest.raises(BaseFallida, match="disk is full"):
        lugares.copy(str(lugares.file), lugares.lake)
    before = lugares.in_lake("SELECT count(*) FROM copia_en_curso")
    copiada = lugares.copy(str(lugares.file), lugares.lake)
    assert {c.tabla: c.filas for c in copiada.tablas}["ventas_raw"] == 600
    assert before[0][0] != 1  # it had begun
    assert len(parts) < 2 * len(copiada.tablas) + 12


def test_a_place_with_data_is_refused(lugares: Lugares) -> None:
    """Nothing is mixed, and nothing overwritten."""
    lugares.copy(str(lugares.file), lugares.lake)
    with pytest.raises(ConfigError, match=r"holds data already: .*ventas_raw"):
        lugares.copy(str(lugares.file), lugares.lake)
    with pytest.raises(ConfigError, match="both FROM and TO"):
        lugares.copy(str(lugares.file), str(lugares.file))


def test_a_source_that_is_none(lugares: Lugares, tmp_path: Path) -> None:
    """One sentence each: no file, no tables of ours, a legacy file, one that is held."""
    with pytest.raises(ConfigError, match="nothing at"):
        lugares.copy(str(tmp_path / "none.db"), lugares.lake)
    other = tmp_path / "other.db"
    with duckdb.connect(other) as con:
        con.execute("CREATE TABLE t (n INTEGER)")
    with pytest.raises(ConfigError, match="no tables of klk-daemon"):
        lugares.copy(str(other), lugares.lake)
    with duckdb.connect(other) as con:
        con.execute("CREATE TABLE ventas_raw (n INTEGER)")
    with pytest.raises(ConfigError, match="db migrate"):
        lugares.copy(str(other), lugares.lake)
