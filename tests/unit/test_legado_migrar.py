"""Taking over a database of the older pipeline: what it is afterwards, and the way back."""

import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from legado import plantilla
from legado.toma import AHORA, ANTES, mirar, sql, tomar

from klk_daemon.errors import ConfigError
from klk_daemon.warehouse import schema


def test_everything_answers_as_before(base: Path) -> None:
    """Views, other tables, the operator's queries answer the same, DuckDB 1.0 too; no key and no index is left."""
    with duckdb.connect(str(base), read_only=True) as con:
        nombres = {q: [d[0] for d in con.execute(q).description or ()] for q in ANTES}
    antes, antes_1 = sql(base, *ANTES), plantilla.leer_con_1(base, *ANTES)
    informe = tomar(base)
    assert informe.migracion is not None
    assert informe.migracion.antes == informe.migracion.despues
    despues = sql(base, *ANTES)
    assert [(q, a) for q, a, d in zip(ANTES, antes, despues, strict=True) if a != d] == []
    with duckdb.connect(str(base), read_only=True) as con:
        assert {q: [d[0] for d in con.execute(q).description or ()] for q in ANTES} == nombres
        assert con.execute(
            "SELECT count(*) FROM duckdb_indexes() WHERE table_name NOT IN ('facturas', 'items_facturas')"
        ).fetchone() == (0,)
        claves = con.execute(
            "SELECT DISTINCT table_name FROM duckdb_constraints() WHERE constraint_type <> 'NOT NULL' ORDER BY 1"
        ).fetchall()
        assert [nombre for (nombre,) in claves] == [
            "facturas", "items_facturas", "movimientos_inventario", "productos", "ubicaciones",
        ]  # fmt: skip
        assert con.execute(
            "SELECT ubicacion_id, MAX(fecha_actualizacion) FROM stock_actual GROUP BY ubicacion_id ORDER BY 1"
        ).fetchall() == [(f"tienda_{n}", datetime(2025, 10, 17, 12)) for n in ("01", "08", "17")]  # noqa: DTZ001
        assert con.execute(
            "SELECT count(*), count(codigo_producto), count(DISTINCT codigo_producto) FROM stock_actual"
        ).fetchone() == (177, 177, 59)
    # Decimals have more places in the rebuilt table: 20.00 is 20.000000 to who prints them.
    despues_1 = plantilla.leer_con_1(base, *ANTES, "SELECT count(*), count(tasa_usd) FROM ventas_raw")
    assert [a for q, a in zip(ANTES, antes_1, strict=True) if "v_stock" not in q] == [
        d for q, d in zip(ANTES, despues_1, strict=False) if "v_stock" not in q
    ]
    assert len(despues_1[3]) == 177
    assert despues_1[-1][0][1] == 0


def test_the_shape_is_that_of_a_new_installation(base: Path, tmp_path: Path) -> None:
    """Every table and column that the daemon knows is there; doing it again does nothing."""
    tomar(base)
    with duckdb.connect(str(tmp_path / "nueva.db")) as con:
        schema.ensure(con, AHORA)
        tablas = [nombre for (nombre,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        nueva = {t: {c[0] for c in con.execute(f"DESCRIBE {t}").fetchall()} for t in tablas}
    with duckdb.connect(str(base)) as con:
        vieja = {t: {c[0] for c in con.execute(f"DESCRIBE {t}").fetchall()} for t in tablas}
        schema.ensure(con, AHORA)
        assert con.execute("SELECT count(*) FROM ultimo_commit").fetchone() == (1,)
    assert vieja == nueva
    examen = mirar(base)
    assert not examen.hallazgos.legado
    assert examen.duplicadas > 0
    assert tomar(base).migracion is None


def test_later_steps_of_the_schema_are_taken_at_once(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migrated file has every step that there is; those that come later find a table like a new installation's."""
    pasos = schema.migrations()
    segundo = "ALTER TABLE ventas_raw ADD COLUMN otra VARCHAR; ALTER TABLE stock_actual ADD COLUMN otra VARCHAR;"
    monkeypatch.setattr(schema, "migrations", lambda: [*pasos, (900, segundo)])
    tomar(base)
    assert sql(base, "SELECT max(version) FROM esquema_version", "SELECT count(otra) FROM ventas_raw") == [
        [(900,)],
        [(0,)],
    ]


def test_copies_go_month_by_month_and_are_kept_aside(base: Path, cruda: tuple[Path, list[list[Any]]]) -> None:
    """Only exact copies, counted before and after; of each line the last copy stays; later as well as at once."""
    (newest,) = sql(base, "SELECT ubicacion_id, MAX(fecha_carga) FROM ventas_raw GROUP BY 1 ORDER BY 1")
    distinct = "SELECT DISTINCT * EXCLUDE (fecha_extraccion, fecha_transformacion, fecha_carga) FROM ventas_raw"
    (antes,) = sql(base, f"{distinct} ORDER BY ALL")
    tomar(base)
    informe = tomar(base, dedupe=True)
    por_mes: dict[str, tuple[int, int]] = {}
    for _, mes, lineas, copias, _diferencias in cruda[1]:
        n, quitadas = por_mes.get(mes, (0, 0))
        por_mes[mes] = n + lineas, quitadas + copias
    assert informe.meses == [(m, n, n - quitadas) for m, (n, quitadas) in sorted(por_mes.items()) if quitadas]
    guardadas = f"read_parquet('{informe.respaldo}/duplicadas-*.parquet')"
    ((quitadas,),) = sql(base, f"SELECT count(*) FROM {guardadas}")[0]
    assert quitadas == sum(mes[3] for mes in cruda[1])
    nuevas = f"{distinct.replace('fecha_carga)', 'fecha_carga, ' + ', '.join(plan_nuevas(base)) + ')')} ORDER BY ALL"
    assert sql(base, nuevas) == [antes]
    assert len(antes) == sum(mes[2] - mes[3] for mes in cruda[1])
    assert sql(base, "SELECT ubicacion_id, MAX(fecha_carga) FROM ventas_raw GROUP BY 1 ORDER BY 1") == [newest]
    assert tomar(base, dedupe=True).meses == []


def plan_nuevas(base: Path) -> list[str]:
    """The columns that the migration has added."""
    (columnas,) = sql(base, "DESCRIBE ventas_raw")
    viejas = [c[0] for c in columnas].index("fecha_carga") + 1
    return [c[0] for c in columnas][viejas:]


def test_the_way_back(base: Path, tmp_path: Path) -> None:
    """volver.sql, run by DuckDB 1.0, gives every table its rows, keys and indexes back, and every view its answer."""
    tablas = "SELECT table_name, sql FROM duckdb_tables() ORDER BY 1"
    indices = "SELECT index_name, sql FROM duckdb_indexes() ORDER BY 1"
    preguntas = (
        *ANTES,
        tablas,
        indices,
        "SELECT * FROM etl_ejecuciones ORDER BY id",
        "SELECT * FROM stock_actual ORDER BY ALL",
    )
    antes = plantilla.leer_con_1(base, *preguntas)
    informe = tomar(base)
    script = (informe.respaldo / "volver.sql").read_text(encoding="utf-8")
    run = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute(sys.stdin.read())"
    back = subprocess.run(
        [plantilla.DUCKDB_1, "-c", run, base], input=script, capture_output=True, text=True, check=False
    )
    assert back.returncode == 0, back.stderr
    despues = plantilla.leer_con_1(base, *preguntas)
    assert [(q, a, d) for q, a, d in zip(preguntas, antes, despues, strict=True) if a != d] == []
    assert mirar(base).hallazgos.legado
    assert tomar(base).migracion is not None


@pytest.mark.parametrize(
    ("sentencia", "dicho"),
    [
        ("CREATE TABLE x (id INTEGER REFERENCES etl_ejecuciones (id))", "x has a foreign key to it"),
        ("ALTER TABLE ventas_raw DROP COLUMN linea", "ventas_raw has no column linea"),
        ("CREATE VIEW filas_rechazadas AS SELECT 1 AS uno", "filas_rechazadas is a view"),
        ("CREATE TABLE etl_marcas (otra INTEGER)", "etl_marcas has no column etl_tipo"),
        (
            "CREATE VIEW ambigua AS SELECT codigo_producto FROM stock_actual CROSS JOIN ventas_raw",
            "the view .*ambigua.* would not survive",
        ),
    ],
)
def test_what_cannot_be_migrated_is_named(base: Path, sentencia: str, dicho: str) -> None:
    """In one sentence, and nothing is changed; no backup is left."""
    with duckdb.connect(str(base)) as con:
        con.execute('DROP VIEW "v por dia"; DROP VIEW v_ventas')
        con.execute(sentencia)
    with pytest.raises(ConfigError, match=dicho) as e:
        tomar(base)
    assert "nothing was changed" in e.value.hint
    assert sql(base, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'esquema_version'") == [[(0,)]]
    assert [*base.parent.iterdir()] == [base]


def test_a_broken_view_and_other_columns_stay(base: Path) -> None:
    """A view that could not be read before is left as it is; columns of the operator's own are kept with their rows."""
    with duckdb.connect(str(base)) as con:
        con.execute(
            "CREATE TABLE efimera AS SELECT 1 AS a; CREATE VIEW rota AS SELECT a FROM efimera; DROP TABLE efimera"
        )
        con.execute("DROP VIEW v_ultimas_ejecuciones; DROP INDEX idx_etl_tipo")
        con.execute(
            "DROP INDEX idx_etl_inicio; DROP INDEX idx_etl_estado; ALTER TABLE etl_ejecuciones ADD nota VARCHAR"
        )
        con.execute("UPDATE etl_ejecuciones SET nota = 'n' || id")
    examen = mirar(base)
    assert [v.nombre for v in examen.hallazgos.vistas if v.error] == ['"main"."rota"']
    tomar(base)
    assert sql(base, "SELECT count(*) FROM etl_ejecuciones WHERE nota = 'n' || id") == [[(1000,)]]
    assert sql(base, "SELECT sql FROM duckdb_views() WHERE view_name = 'rota'") == [
        [("CREATE VIEW rota AS SELECT a FROM efimera;",)]
    ]
