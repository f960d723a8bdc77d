"""A lake as an operator has it: several daemons, each its own stores, and one that stands by."""

from pathlib import Path

from postgres import Postgres

from klk_daemon.simulator import Simulador

from .installation import Instalacion


def test_x(tmp_path: Path, simulador: Simulador, postgres: Postgres) -> None:
    """Try."""
    db = postgres.create()
    a = Instalacion(
        tmp_path,
        simulador.mundo,
        simulador.url,
        {
            "database.path": f"ducklake:postgres:{postgres.conninfo(db)} password=geheim",
            "database.data_path": "parquet",
        },
    )
    s = a.trigger("todo")
    print(s.out, s.err)
    print(a.run("status").out)
    print(a.run("runs").out)
    print(a.run("check", code=None).out)
