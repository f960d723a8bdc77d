"""An installation as an operator has it: a configuration, a state directory, and the command line as a process."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from klk_daemon.domain import Job
from klk_daemon.simulator import Mundo, Tienda

PROGRAM = (sys.executable, "-m", "klk_daemon")
CUATRO = {"SUC001": "tienda_01", "SUC002": "tienda_08", "SUC003": "tienda_17", "SUC005": "tienda_20"}
PERIFERICO, BOSQUE, ARTIGAS, TAZAJAL = CUATRO.values()
# Small patience, so that a fault costs a test little; yesterday's sales too, so that there are some at midnight.
AJUSTES: dict[str, object] = {
    "api.timeout_s": 3,
    "api.retry_attempts": 2,
    "api.retry_max_wait_s": 0.05,
    "api.max_response_mb": 4,
    "ventas.first_run_days": 1,
    "database.path": "data/klk.db",
    "database.lock_timeout_s": 20,
    "logs.dir": "logs",
    "http.enabled": False,
}
# Once a year: nothing is due while a daemon is watched.
NEVER: dict[str, object] = dict.fromkeys((f"schedule.{job}" for job in Job), "0 0 1 1 *")
CENT = Decimal("0.01")
Clave = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Salida:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def documento(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def partes(self) -> dict[str, Any]:
        """The stores of the document, by id."""
        return {parte["id"]: parte for parte in self.documento["tiendas"]}

    @property
    def estados(self) -> dict[str, tuple[str, str | None]]:
        """Store to `estado` and `error.tipo`."""
        return {id_: (p["estado"], (p["error"] or {}).get("tipo")) for id_, p in self.partes.items()}

    def no_traceback(self) -> None:
        """Whatever went wrong, it is told to a person."""
        assert "Traceback" not in self.err + self.out


@dataclass(frozen=True, slots=True)
class Diferencia:
    """A table beside the oracle: keys that are missing, too many, doubled, or whose values differ."""

    faltan: frozenset[Clave] = frozenset()
    sobran: frozenset[Clave] = frozenset()
    dobles: frozenset[Clave] = frozenset()
    distintas: frozenset[Clave] = frozenset()


IGUAL = Diferencia()


class Instalacion:
    """One installation in a folder of its own.

    Args:
        folder: for configuration, database, logs and state.
        mundo: the world of the simulator.
        url: the simulator's address.
        ajustes: settings that differ from `AJUSTES`, by dotted key.
    """

    def __init__(self, folder: Path, mundo: Mundo, url: str, ajustes: dict[str, object] | None = None) -> None:
        self.folder = folder
        self.mundo = mundo
        self.config = folder / "klk.toml"
        self.state = folder / "state"
        self.logs = folder / "logs"
        self.database = folder / "data" / "klk.db"
        self.ajustes = {"api.base_url": url, **AJUSTES, **(ajustes or {})}
        self.tiendas = {tienda_id(tienda): tienda for tienda in mundo.tiendas}
        self.configure()

    def configure(self, **bloques: str) -> None:
        """Writes the configuration; `bloques` replace the text of a store's block, by its id."""
        sections: dict[str, list[str]] = {}
        for key, value in self.ajustes.items():
            section, name = key.split(".")
            sections.setdefault(section, []).append(f"{name} = {json.dumps(value)}")
        blocks = [f"[{section}]\n" + "\n".join(lines) for section, lines in sections.items()]
        blocks += [bloques.get(id_) or bloque(id_, tienda) for id_, tienda in self.tiendas.items()]
        self.config.write_text("\n".join(blocks), encoding="utf-8")

    @property
    def env(self) -> dict[str, str]:
        """The environment of a command."""
        return {**os.environ, "KLK_STATE_DIR": str(self.state), "KLK_CONFIG": str(self.config)}

    def run(self, *args: str, code: int | None = None, env: dict[str, str] | None = None) -> Salida:
        """Runs a command to its end; `code` is the exit code that it must have."""
        done = subprocess.run(
            [*PROGRAM, *args],
            env={**self.env, **(env or {})},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        salida = Salida(done.returncode, done.stdout, done.stderr)
        salida.no_traceback()
        assert code is None or salida.code == code, f"exit {salida.code}\n{salida.out}\n{salida.err}"
        return salida

    def trigger(self, *args: str, code: int | None = 0) -> Salida:
        """`trigger … --json`."""
        return self.run("trigger", *args, "--json", code=code)

    @contextmanager
    def start(self, *args: str) -> Iterator["subprocess.Popen[str]"]:
        """Starts a command; it is killed at the end of the context if it still runs."""
        # Files, not pipes: nobody reads them while it runs, and a full pipe would stop it.
        with (self.folder / "out").open("a+") as out, (self.folder / "err").open("a+") as err:
            process = subprocess.Popen(
                [*PROGRAM, *args], env=self.env, cwd=self.folder, stdout=out, stderr=err, text=True
            )
            try:
                yield process
            finally:
                process.kill()
                process.wait()

    def err(self) -> str:
        """What the commands of `start` have written to stderr."""
        return (self.folder / "err").read_text(encoding="utf-8")

    def sql(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Reads the database as any reader does; waits for whoever writes it."""
        deadline = time.monotonic() + 20
        while True:
            try:
                with duckdb.connect(str(self.database), read_only=True) as con:
                    return con.execute(query, list(parameters)).fetchall()
            except duckdb.IOException as e:
                if "lock" not in str(e) or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def write(self, *statements: str) -> None:
        """Changes the database behind the program's back."""
        with duckdb.connect(str(self.database)) as con:
            for statement in statements:
                con.execute(statement)

    def events(self, job: str = "*") -> list[dict[str, Any]]:
        """The log lines of a job's files, in order."""
        files = sorted(self.logs.glob(f"klk_{job}_*.log"))
        return [json.loads(line) for path in files for line in path.read_text(encoding="utf-8").splitlines()]

    def of(self, event: str) -> list[dict[str, Any]]:
        """The log lines of one event."""
        return [line for line in self.events() if line["event"] == event]

    def cobertura(self, id_: str) -> list[tuple[datetime, datetime]]:
        """The intervals that were read of a store's sales."""
        rows = self.sql(
            "SELECT desde_utc, hasta_utc FROM ventas_cobertura WHERE ubicacion_id = ? ORDER BY desde_utc", id_
        )
        return [(desde.replace(tzinfo=UTC), hasta.replace(tzinfo=UTC)) for desde, hasta in rows]

    def ventas(self, id_: str, *intervalos: tuple[datetime, datetime]) -> Diferencia:
        """A store's sales beside the oracle's: all of them, for what was read; or those of `intervalos`."""
        sucursal = self.tiendas[id_].sucursal
        esperadas = [
            ((fila.numero_factura, fila.linea), fila.codigo_producto, fila.cantidad_vendida, fila.venta_total_usd)
            for desde, hasta in intervalos or self.cobertura(id_)
            for fila in self.mundo.lineas(sucursal, desde, hasta)
        ]
        aware = self.mundo.aware
        primera = min((desde for desde, _ in intervalos), default=datetime(2000, 1, 1, tzinfo=UTC))
        # Cast, since a legacy file has text.
        hay = self.sql(
            "SELECT numero_factura, CAST(linea AS INTEGER), codigo_producto, CAST(cantidad_vendida AS DECIMAL(18, 4)),"
            " CAST(venta_total AS DECIMAL(18, 6)), CAST(fecha_hora_completa AS TIMESTAMP)"
            " FROM ventas_raw WHERE ubicacion_id = ? AND fecha >= ?",
            id_,
            str(primera.astimezone(self.mundo.zona).date()),
        )
        if intervalos:
            hay = [fila for fila in hay if any(desde <= aware(fila[-1]) < hasta for desde, hasta in intervalos)]
        return _comparar(
            [(clave, codigo, Decimal(str(cantidad)), Decimal(str(usd))) for clave, codigo, cantidad, usd in esperadas],
            [((numero, linea), *valores) for numero, linea, *valores, _ in hay],
        )

    def sales_equal(self) -> None:
        """Every store's sales are the oracle's, each once, and there are some."""
        assert {id_: self.ventas(id_) for id_ in self.tiendas} == dict.fromkeys(self.tiendas, IGUAL)
        assert self.sql("SELECT count(*) FROM ventas_raw")[0][0] > 0

    def stock_equal(self) -> None:
        """Every active warehouse's stock is the oracle's at the moment of the last snapshot."""
        for id_, tienda in self.tiendas.items():
            ((leida,),) = self.sql("SELECT max(fecha_actualizacion) FROM stock_actual WHERE ubicacion_id = ?", id_)
            assert leida is not None, id_
            for almacen in tienda.activos:
                rows = self.sql(
                    "SELECT codigo_producto, cantidad FROM stock_actual WHERE ubicacion_id = ? AND almacen_codigo = ?",
                    id_,
                    almacen.codigo,
                )
                hay = {codigo: float(cantidad) for codigo, cantidad in rows}
                assert len(hay) == len(rows), almacen.codigo
                en = leida.replace(tzinfo=self.mundo.zona)
                # KLK's quantities change on the half hour, which may lie between answer and commit.
                antes = self.mundo.existencias(almacen.codigo, en - timedelta(seconds=10))
                assert hay in (self.mundo.existencias(almacen.codigo, en), antes), almacen.codigo

    def en_proceso(self) -> int:
        """How many ledger rows have no end."""
        return int(self.sql("SELECT count(*) FROM etl_ejecuciones WHERE estado = 'en_proceso'")[0][0])


def tienda_id(tienda: Tienda) -> str:
    """A store's id here: the mission's for its four, else made from its sucursal."""
    return CUATRO.get(tienda.sucursal, f"tienda_{tienda.sucursal.lower()}")


def bloque(id_: str, tienda: Tienda, **otros: object) -> str:
    """A store's block of the configuration; `otros` replace or add values."""
    valores = {
        "id": id_,
        "nombre": tienda.nombre,
        "sucursal": tienda.sucursal,
        "almacenes": [almacen.codigo for almacen in tienda.activos],
        **otros,
    }
    return "\n".join(["[[tiendas]]", *(f"{name} = {json.dumps(value)}" for name, value in valores.items())])


def _comparar(esperadas: Sequence[tuple[Clave, *tuple[Any, ...]]], hay: Sequence[Sequence[Any]]) -> Diferencia:
    valores = {clave: tuple(resto) for clave, *resto in esperadas}
    veces = Counter(clave for clave, *_ in hay)
    return Diferencia(
        faltan=frozenset(valores.keys() - veces.keys()),
        sobran=frozenset(veces.keys() - valores.keys()),
        dobles=frozenset(clave for clave, n in veces.items() if n > 1),
        distintas=frozenset(clave for clave, *resto in hay if clave in valores and valores[clave] != tuple(resto)),
    )


def ayer(mundo: Mundo) -> date:
    """The stores' yesterday."""
    return mundo.now().date() - timedelta(days=1)


def wait_for(condition: Callable[[], object], what: str, *, seconds: float = 20) -> None:
    """Waits until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:g} s"
        time.sleep(0.05)
