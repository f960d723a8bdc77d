"""The migration killed, interrupted, and kept waiting: the file is whole, and the same again ends well."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from held import held
from legado import plantilla
from legado.toma import AHORA, ANTES, ajustes, callado, mirar, sql, tomar

from klk_daemon.bootstrap.migracion import Freno, migrar
from klk_daemon.errors import Interrumpido

KILLED = """
import asyncio, os, signal, sys
from datetime import datetime
from pathlib import Path
from klk_daemon.bootstrap.legado import examinar
from klk_daemon.bootstrap.migracion import Freno, migrar
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


def test_ctrl_c_while_another_program_holds_the_file(base: Path) -> None:
    """The waiting ends at once."""
    freno = Freno()
    with held(base, "reader"):
        examen = mirar(base)

        async def esperar() -> None:
            asyncio.get_running_loop().call_later(0.3, freno.tirar)
            largo = ajustes(base, lock_timeout_s=60)
            await migrar(largo, examen, dedupe=False, now=lambda: AHORA, decir=callado, freno=freno)

        with pytest.raises(Interrumpido):
            asyncio.run(asyncio.wait_for(esperar(), 20))
