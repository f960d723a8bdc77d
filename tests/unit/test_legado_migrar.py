"""Taking over a database of the older pipeline: the plan, the migration, its interruptions, and the way back."""

import asyncio
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest
from legado import plantilla

from klk_daemon.bootstrap.legado import Examen, Freno, Informe, examinar, migrar
from klk_daemon.errors import BaseOcupada, ConfigError, Interrumpido, KlkError
from klk_daemon.settings import Settings
from klk_daemon.warehouse import schema
from klk_daemon.warehouse.legado import hallazgos, plan

AHORA = datetime(2025, 11, 17, 12)  # noqa: DTZ001 - a store's wall clock
LINEAS = 4000
# What readers ask; none of the answers may change.
ANTES = (
    "SELECT * FROM v_ultimas_ejecuciones ORDER BY ALL",
    "SELECT * FROM v_gaps_por_recuperar ORDER BY ALL",
    "SELECT * FROM v_metricas_confiabilidad ORDER BY ALL",
    "SELECT * FROM v_stock ORDER BY ALL",
    "SELECT * FROM v_ventas ORDER BY ALL",
    'SELECT * FROM "v por dia" ORDER BY ALL',
    "SELECT * FROM facturas JOIN items_facturas ON factura_id = id ORDER BY ALL",
    "SELECT * FROM movimientos_inventario ORDER BY ALL",
    "SELECT * FROM productos ORDER BY ALL",
    "SELECT * FROM ubicaciones ORDER BY ALL",
    "SELECT ubicacion_id, MAX(fecha_carga) FROM ventas_raw GROUP BY ubicacion_id ORDER BY ALL",
)
KILLED = """
import asyncio, os, signal, sys
from datetime import datetime
from pathlib import Path
from klk_daemon.bootstrap.legado import Freno, examinar, migrar
from klk_daemon.settings import Settings
settings = Settings(database={"path": sys.argv[1]})
left = int(sys.argv[2])
def decir(step):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    print(step, flush=True)
async def main():
    examen = await examinar(settings, contar=False)
    now = lambda: datetime(2025, 11, 17, 13)
    await migrar(settings, examen, dedupe=True, now=now, decir=decir, freno=Freno())
asyncio.run(main())
"""


@pytest.fixture(scope="session")
def cruda(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[Any]]]:
    """A legacy database with sales, some of them doubled, as it was left; and what its months hold."""
    path = tmp_path_factory.mktemp("cruda") / "vieja.db"
    meses = plantilla.crear(path, lineas=LINEAS, extra=["CREATE INDEX mio ON productos (categoria)"])["meses"]
    return path, meses


@pytest.fixture
def base(tmp_path: Path, cruda: tuple[Path, list[list[Any]]]) -> Path:
    """A copy of it."""
    return Path(shutil.copyfile(cruda[0], tmp_path / "vieja.db"))


def ajustes(base: Path, **otros: Any) -> Settings:
    """Settings for a database."""
    return Settings(database={"path": str(base)} | {"lock_timeout_s": 1} | otros)  # type: ignore[arg-type]


def callado(_: str) -> None:
    """Whom nothing is told."""


def mirar(base: Path) -> Examen:
    """`db plan`."""
    return asyncio.run(examinar(ajustes(base)))


def tomar(
    base: Path, *, dedupe: bool = False, decir: Callable[[str], None] = callado, freno: Freno | None = None
) -> Informe:
    """`db migrate`."""

    async def ambos() -> Informe:
        examen = await examinar(ajustes(base), contar=False)
        return await migrar(
            ajustes(base), examen, dedupe=dedupe, now=lambda: AHORA, decir=decir, freno=freno or Freno()
        )

    return asyncio.run(ambos())


def sql(base: Path, *queries: str) -> list[list[tuple[Any, ...]]]:
    """Answers, read without a trace."""
    with duckdb.connect(str(base), read_only=True) as con:
        return [con.execute(query).fetchall() for query in queries]


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
    assert examen.alcanza


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


# Before a table is rebuilt, while columns are added, after the commit, between two months' copies.
@pytest.mark.parametrize("paso", [5, 20, 34, 36])
def test_killed_anywhere_and_repeated(base: Path, cruda: tuple[Path, list[list[Any]]], paso: int) -> None:
    """Killed with -9 the file is as it was, or migrated whole; the same again ends well, and nothing is lost."""
    antes = sql(base, *ANTES)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, base, str(paso)], capture_output=True, text=True, check=False, timeout=60
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    if paso < 34:
        (tablas,) = sql(base, "SELECT table_name FROM duckdb_tables() WHERE table_name = 'esquema_version'")
        assert tablas == []
        assert sql(base, *ANTES) == antes
    tomar(base, dedupe=True)
    copias = sum(mes[3] for mes in cruda[1])
    guardadas = f"read_parquet('{base.parent}/*.respaldo-*/duplicadas-*.parquet')"
    assert sql(base, "SELECT count(*) FROM ventas_raw", f"SELECT count(*) FROM {guardadas}") == [
        [(sum(mes[2] for mes in cruda[1]) - copias,)],
        [(copias,)],
    ]
    saltar = "v_ventas", "v por dia"
    assert [d for q, d in zip(ANTES, sql(base, *ANTES), strict=True) if not any(v in q for v in saltar)] == [
        a for q, a in zip(ANTES, antes, strict=True) if not any(v in q for v in saltar)
    ]
    assert [*base.parent.glob("*.parcial")] == []
    plantilla.leer_con_1(base, "SELECT count(*) FROM v_ventas")


def test_interrupted_in_the_middle(base: Path) -> None:
    """Ctrl-C rolls back what is under way; no half backup is left, and the same again ends well."""
    antes = base.read_bytes()
    freno = Freno()

    def decir(step: str) -> None:
        if "tasa_usd" in step:
            freno.tirar()

    with pytest.raises(Interrumpido):
        tomar(base, decir=decir, freno=freno)
    assert sql(base, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'esquema_version'") == [[(0,)]]
    assert [*base.parent.iterdir()] == [base]
    assert len(base.read_bytes()) == len(antes)
    assert tomar(base).migracion is not None


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


def test_ctrl_c_while_another_program_holds_the_file(base: Path) -> None:
    """The waiting ends at once."""
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True); print(1, flush=True); sys.stdin.read()"
    freno = Freno()
    with subprocess.Popen(
        [sys.executable, "-c", hold, base], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        examen = mirar(base)

        async def esperar() -> None:
            asyncio.get_running_loop().call_later(0.3, freno.tirar)
            largo = ajustes(base, lock_timeout_s=60)
            await migrar(largo, examen, dedupe=False, now=lambda: AHORA, decir=callado, freno=freno)

        with pytest.raises(Interrumpido):
            asyncio.run(asyncio.wait_for(esperar(), 20))
        holder.communicate()


def test_too_little_room_is_said_before_anything_is_done(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How much is needed, and how much there is."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 1024**2))
    examen = mirar(base)
    assert not examen.alcanza
    with pytest.raises(KlkError, match=r"needs .* MiB on the disk of .*, 1.0 MiB are free"):
        tomar(base)
    assert [*base.parent.iterdir()] == [base]


def test_a_file_that_another_program_holds(base: Path) -> None:
    """A reader beside it is no hindrance to the plan, but to the migration; a writer is to both. It is named."""
    hold = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == 'r'); print(1, flush=True);"
        " sys.stdin.read()"
    )
    for how in ("r", "w"):
        with subprocess.Popen(
            [sys.executable, "-c", hold, base, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as holder:
            assert holder.stdout is not None
            holder.stdout.readline()
            hacer: Callable[[Settings], Coroutine[Any, Any, object]] = examinar
            if how == "r":
                hacer = partial(
                    migrar, examen=mirar(base), dedupe=False, now=lambda: AHORA, decir=callado, freno=Freno()
                )
            with pytest.raises(BaseOcupada, match=f"pid {holder.pid}"):
                asyncio.run(hacer(ajustes(base)))
            holder.communicate()


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
