"""A database of the older pipeline, taken over by the command line as an operator does it."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from legado import plantilla
from shared import made_once

from klk_daemon.daemon.instance import PID_FILE, only_instance
from klk_daemon.klk import convert, wire
from klk_daemon.klk.answers import parse
from klk_daemon.simulator import Mundo, simulador_en_hilo

from .daemon import running
from .installation import ARTIGAS, BOSQUE, IGUAL, PERIFERICO, PROGRAM, TAZAJAL, Instalacion, ayer, wait_for

ULTIMO_MES = "2025-11"  # of the synthetic lines
VIEWS = (
    "SELECT * FROM v_gaps_por_recuperar ORDER BY ALL",
    "SELECT * FROM v_ultimas_ejecuciones WHERE etl_tipo = 'otro'",
    "SELECT * FROM v_metricas_confiabilidad WHERE estado = 'fallido' ORDER BY ALL",
    "SELECT tienda, dia, lineas FROM \"v por dia\" WHERE dia BETWEEN '2024-07-01' AND '2024-07-31' ORDER BY ALL",
)


@pytest.fixture(scope="module")
def pequena(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A legacy database with few lines; to be copied."""
    folder = made_once(tmp_path_factory, "pequena", lambda folder: plantilla.crear(folder / "vieja.db", lineas=4000))
    return folder / "vieja.db"


@pytest.fixture
def heredada(instalacion: Instalacion, pequena: Path) -> Instalacion:
    """An installation whose database is the older pipeline's."""
    instalacion.database.parent.mkdir()
    shutil.copyfile(pequena, instalacion.database)
    return instalacion


def test_before_the_migration_everything_says_so(heredada: Instalacion) -> None:
    """`run`, `trigger`, `status` exit 2 and name the command; `check` fails; the file is as it was, byte for byte."""
    antes = heredada.database.read_bytes()
    for command in ("run", "trigger ventas", "trigger todo", "trigger inventario --dry-run", "status", "runs"):
        salida = heredada.run(*command.split(), code=2)
        assert "db migrate" in salida.err, command
    assert "needs `db migrate`" in heredada.run("check", code=1).out
    salida = heredada.run("db", "migrate", code=2)
    assert "--yes" in salida.err
    assert heredada.database.read_bytes() == antes
    assert [p.name for p in heredada.database.parent.iterdir()] == [heredada.database.name]


def test_the_plan_in_words_and_as_a_document(heredada: Instalacion) -> None:
    """Numbers of tables and copies, what changes, what it takes; stdout alone, exit 0."""
    salida = heredada.run("db", "plan", code=0)
    assert salida.err == ""
    for words in (
        "stock_actual is rebuilt",
        "PRIMARY KEY(ubicacion_id, producto_id)",
        "54 VARCHAR",
        "v_gaps_por_recuperar reads etl_ejecuciones",
        "items_facturas: FOREIGN KEY (producto_id) REFERENCES productos(id) (stays)",
        "enough",
    ):
        assert words in salida.out
    documento = heredada.run("db", "plan", "--json", code=0).documento
    assert documento["migrar"] is True
    assert documento["cambios"]["rehacer"] == ["stock_actual", "etl_ejecuciones"]
    assert documento["ventas"]["duplicadas"] > 0
    assert f"removes {documento['ventas']['duplicadas']} copies" in salida.out


def test_a_migrated_database_needs_nothing(heredada: Instalacion) -> None:
    """A second migration does nothing, asks nothing; copies may go later; a database that is not there is no error."""
    assert "rows before" in heredada.run("db", "migrate", "--yes", code=0).out
    assert "nothing to do" in heredada.run("db", "plan", code=0).out
    assert heredada.run("db", "plan", "--json", code=0).documento["migrar"] is False
    assert "nothing to do" in heredada.run("db", "migrate", code=0).out
    assert "copies removed" in heredada.run("db", "migrate", "--yes", "--dedupe", code=0).out
    assert "no line is there twice" in heredada.run("db", "migrate", "--yes", "--dedupe", code=0).out
    heredada.run("status", code=1)
    heredada.run("runs", "--limit", "5", "-v", code=0)
    heredada.database.unlink()
    for command in ("plan", "migrate"):
        assert "there is no database" in heredada.run("db", command, code=0).out


def test_it_is_refused_while_a_daemon_runs(instalacion: Instalacion, pequena: Path) -> None:
    """Exit 4, with its pid: also where the daemon's file is another."""
    with running(instalacion) as daemon:
        otra = instalacion.folder / "otra.db"
        shutil.copyfile(pequena, otra)
        salida = instalacion.run("db", "migrate", "--yes", "--set", f"database.path={otra}", code=4)
        assert f"(pid {daemon.process.pid})" in salida.err
        assert otra.read_bytes() == pequena.read_bytes()


def test_a_migration_is_no_daemon(usada: Instalacion) -> None:
    """While one is at work no daemon starts, and what refuses it says why; `status` names no daemon."""
    (usada.state / PID_FILE).write_text("1\n", encoding="ascii")  # of a daemon that was killed
    with only_instance(usada.state, migracion=True):
        salida = usada.run("run", code=4)
        assert f"`db migrate` is at work on {usada.state} (pid {os.getpid()})" in salida.err
        assert usada.run("status", "--json").documento["daemon"]["pid"] is None
        assert "no daemon is running" in usada.run("dashboard", code=1).err


def test_asked_on_a_terminal(heredada: Instalacion) -> None:
    """What will be done is shown; no is no; yes is done, with its steps on stderr."""
    for answer, code, words in (("n\n", 1, "nothing was changed"), ("y\n", 0, "rebuilding stock_actual")):
        told, ended = _at_a_terminal(heredada, answer, "db", "migrate")
        assert ended == code, told
        assert "ventas_raw gets 20 text columns" in told
        assert "Go on? [y/N]" in told
        assert words in told


def _at_a_terminal(instalacion: Instalacion, answer: str, *args: str) -> tuple[str, int]:
    """A command on a pseudo-terminal; everything that it shows, and its exit code."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [*PROGRAM, *args], env=instalacion.env, cwd=instalacion.folder, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        os.write(ours, answer.encode())
        told = b""
        while chunk := _read(ours):
            told += chunk
    os.close(ours)
    return told.decode(), process.returncode


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""


@pytest.fixture
def grande(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Instalacion, list[list[Any]]]]:
    """So many lines of the past; of two stores also those of yesterday and today, which are there twice."""
    # More articles than there are old products.
    with simulador_en_hilo(Mundo(articulos=400, lineas_por_dia=400)) as simulador:
        instalacion = Instalacion(tmp_path, simulador.mundo, simulador.url, {"ventas.max_catchup_days": 3})
        mundo = simulador.mundo
        desde, hasta = mundo.dia(ayer(mundo))[0], mundo.now() - timedelta(hours=2)
        filas = [fila for id_ in (PERIFERICO, BOSQUE) for fila in _viejas(instalacion, id_, desde, hasta)]
        reales = tmp_path / "reales.json"
        reales.write_text(json.dumps(filas), encoding="utf-8")
        meses = plantilla.crear(instalacion.database, lineas=request.param, reales=str(reales))["meses"]
        yield instalacion, meses


def _viejas(instalacion: Instalacion, id_: str, desde: datetime, hasta: datetime) -> list[dict[str, Any]]:
    """A store's lines as the old loader wrote them: all text, the tax in Bs and subtracted again, each twice."""
    zona = instalacion.mundo.zona
    enviadas = instalacion.mundo.oraculo(instalacion.tiendas[id_].sucursal, desde, hasta)
    por_dia: dict[str, list[Any]] = defaultdict(list)
    for enviada in enviadas:
        por_dia[enviada["fecha"]].append(enviada)
    lotes = [
        convert.ventas(date.fromisoformat(fecha), parse(json.dumps({"ventas": suyas}).encode(), wire.VENTAS, "x"))
        for fecha, suyas in por_dia.items()
    ]
    de_entonces = {
        "venta_sin_impuesto": "0.5",
        "version_transformacion": "klk_v1",
        "ubicacion_id": id_,
        "ubicacion_nombre": "VIEJO",
        "fecha_extraccion": "2025-11-17 12:35:04.123456",
    }
    filas = [
        {columna: _como_antes(valor) for columna, valor in {**lote.comunes, **fila}.items()}
        | {"impuesto_total": _como_antes(fila["impuesto_monto_bs"]), **de_entonces}
        for lote in lotes
        for fila in lote.filas
    ]
    cargada = hasta.astimezone(zona).replace(tzinfo=None)
    cargas = (cargada, cargada + timedelta(minutes=30))
    return [{**fila, "fecha_carga": carga.isoformat(" ")} for carga in cargas for fila in filas]


def _como_antes(valor: Any) -> Any:
    if isinstance(valor, bool):
        return str(valor).lower()
    return format(Decimal(repr(valor)), "f") if isinstance(valor, float) else None if valor is None else str(valor)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("grande", [200_000, pytest.param(2_000_000, marks=pytest.mark.soak)], indirect=True)
def test_taken_over_from_end_to_end(grande: tuple[Instalacion, list[list[Any]]]) -> None:
    """Planned to the number, killed and interrupted in the middle, migrated, run: the oracle and old readers agree."""
    instalacion, meses = grande
    mundo = instalacion.mundo
    antes = plantilla.leer_con_1(instalacion.database, *VIEWS)
    assert "db migrate" in instalacion.run("trigger", "ventas", code=2).err

    plan = instalacion.run("db", "plan", "--json", code=0).documento["ventas"]
    hallados = {
        (m["ubicacion_id"], m["mes"]): [m["lineas"], m["duplicadas"], m["con_diferencias"]] for m in plan["meses"]
    }
    assert {clave: n for clave, n in hallados.items() if clave[1] <= ULTIMO_MES} == {(t, m): n for t, m, *n in meses}
    recientes = [n for (_, mes), n in hallados.items() if mes > ULTIMO_MES]
    assert all(lineas == 2 * copias for lineas, copias, _ in recientes)

    _parar(instalacion, signal.SIGKILL, 0.2)
    _parar(instalacion, signal.SIGKILL, 2.0)
    _parar(instalacion, signal.SIGINT, 0.1)
    salida = instalacion.run("db", "migrate", "--yes", "--dedupe", code=0)
    assert f"{plan['duplicadas']} copies removed" in salida.out
    ((quedan,),) = instalacion.sql("SELECT count(*) FROM ventas_raw")
    assert quedan == plan["lineas"] - plan["duplicadas"]

    instalacion.trigger("inventario")
    instalacion.stock_equal()
    salida = instalacion.trigger("ventas")
    desde = mundo.dia(ayer(mundo))[0]
    ahora = mundo.aware(datetime.fromisoformat(salida.documento["inicio"]))
    for id_ in (PERIFERICO, BOSQUE):
        assert mundo.aware(datetime.fromisoformat(salida.partes[id_]["desde"])) >= desde, (
            "from its newest line, not from two years ago"
        )
        assert instalacion.ventas(id_, (desde, ahora)) == IGUAL, id_
    for id_ in (ARTIGAS, TAZAJAL):
        assert instalacion.ventas(id_, *instalacion.cobertura(id_)) == IGUAL, id_
    assert [e["tienda"] for e in instalacion.of("ventas_omitidas")] == [ARTIGAS]
    assert instalacion.trigger("ventas").documento["tiendas"][0]["actualizados"] == 0

    fecha = str(ayer(mundo))
    instalacion.trigger("conciliacion", "--desde", fecha, "--hasta", fecha)
    assert instalacion.sql("SELECT count(*) FROM dias_certificados WHERE reabierto IS NULL AND fecha = ?", fecha) == [
        (4,)
    ]
    assert instalacion.sql("SELECT count(*) FROM ventas_correcciones WHERE tipo <> 'actualizada'") == [(0,)]
    assert instalacion.sql(
        "SELECT count(*) FROM ventas_raw WHERE fecha = ? AND version_transformacion <> 'klk_v2'", fecha
    ) == [(0,)]
    despues = plantilla.leer_con_1(
        instalacion.database,
        *VIEWS,
        "SELECT ubicacion_id, MAX(fecha_actualizacion) FROM stock_actual GROUP BY ubicacion_id ORDER BY 1",
        "SELECT ubicacion_id, MAX(fecha_carga) FROM ventas_raw GROUP BY ubicacion_id ORDER BY 1",
    )
    assert despues[:-2] == antes
    assert [row[0] for row in despues[-2]] == [PERIFERICO, BOSQUE, ARTIGAS, TAZAJAL]
    assert [row[0] for row in despues[-1]] == ["cedi", PERIFERICO, BOSQUE, ARTIGAS, TAZAJAL]
    instalacion.run("status", code=0)
    assert "klk_" not in instalacion.run("certificados", code=0).err


def _parar(instalacion: Instalacion, numero: signal.Signals, espera_s: float) -> None:
    """Starts the migration and stops it a while after its backup is whole; the file is whole, before or after it."""
    respaldos = set(instalacion.database.parent.glob("*.respaldo-*"))
    with instalacion.start("db", "migrate", "--yes") as process:

        def listo() -> bool:
            nuevos = set(instalacion.database.parent.glob("*.respaldo-*")) - respaldos
            return process.poll() is not None or any(not p.name.endswith(".parcial") for p in nuevos)

        wait_for(listo, "the backup is whole")
        time.sleep(espera_s)
        process.send_signal(numero)
        code = process.wait(timeout=60)
    assert code in {-signal.SIGKILL, 130, 0}
    tablas = instalacion.sql("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'esquema_version'")
    columnas = len(instalacion.sql("DESCRIBE ventas_raw"))
    assert (tablas[0][0], columnas) in {(0, 55), (1, 75)}
