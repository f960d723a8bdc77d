"""A newer program on an older file (issue 4, "Upgrades"): the daemon's start upgrades it in place."""

import subprocess
import sys
from pathlib import Path

import duckdb

from .installation import Instalacion, wait_for

# The program as a later release would be: it knows a second step, which rebuilds the stock.
LATER = """
import sys
from klk_daemon.warehouse import schema
known = [*schema.migrations(), (2, '''-- rebuilds: stock_actual
CREATE TABLE stock_nuevo AS SELECT *, CAST(NULL AS VARCHAR) AS pasillo FROM stock_actual;
DROP TABLE stock_actual;
ALTER TABLE stock_nuevo RENAME TO stock_actual;''')]
schema.migrations = lambda: known
from klk_daemon.__main__ import main
sys.argv[0] = "klk-daemon"
main()
"""


def test_the_daemon_upgrades_at_its_start(usada: Instalacion) -> None:
    """Readers of the newer program change nothing; its daemon backs up, upgrades, works on; the older one refuses."""
    program = usada.folder / "later.py"
    program.write_text(LATER, encoding="utf-8")
    later = [sys.executable, str(program)]
    before = usada.sql("SELECT * FROM stock_actual ORDER BY ALL")
    checked = subprocess.run(
        [*later, "check", "--json"], env=usada.env, cwd=usada.folder, capture_output=True, text=True, check=False
    )
    assert "version 1; a run raises it to 2" in checked.stdout
    subprocess.run([*later, "status"], env=usada.env, cwd=usada.folder, capture_output=True, check=False)
    assert respaldos(usada) == []

    log = usada.folder / "log"
    with log.open("w") as err:
        process = subprocess.Popen([*later, "run"], env=usada.env, cwd=usada.folder, stderr=err)
        try:
            wait_for(lambda: usada.of("daemon_iniciado"), "the start")
            process.terminate()
            assert process.wait(10) == 0, log.read_text(encoding="utf-8")
        finally:
            process.kill()
    (folder,) = respaldos(usada)
    (event,) = usada.of("respaldo_guardado")
    assert (event["carpeta"], event["filas"], event["esquema"]) == (str(folder), {"stock_actual": len(before)}, 1)
    with duckdb.connect() as con:
        kept = con.execute(f"SELECT * FROM read_parquet('{folder}/stock_actual.parquet') ORDER BY ALL").fetchall()
    assert kept == before
    assert usada.sql("SELECT max(version) FROM esquema_version") == [(2,)]
    assert usada.sql("SELECT count(pasillo) FROM stock_actual") == [(0,)]

    refused = usada.run("trigger", "ventas", code=2)
    assert "schema version 2, this klk-daemon knows 1" in refused.err
    assert "schema version 2, this klk-daemon knows 1" in usada.run("run", code=2).err


def respaldos(instalacion: Instalacion) -> list[Path]:
    """What lies beside the database."""
    return [p for p in instalacion.database.parent.iterdir() if p.is_dir()]
