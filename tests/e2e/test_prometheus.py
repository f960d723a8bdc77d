"""A real Prometheus reads the daemon, and the shipped rules fire on a stale store (issue 5, "It must show")."""

import json
import re
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from klk_daemon.simulator import Falla, Simulador, TipoFalla

from .daemon import Daemon, running, wait_for
from .installation import ARTIGAS, Instalacion

SHIPPED = Path(__file__).parents[2] / "deploy" / "prometheus"


class Prometheus:
    """A running one, at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str) -> Any:
        """What its API tells; None while it does not answer yet."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=5) as response:
                return json.load(response)["data"]
        except OSError:
            return None

    def up(self) -> bool:
        """Whether it has read the daemon."""
        targets = (self.ask("targets") or {}).get("activeTargets", [])
        return [t["health"] for t in targets] == ["up"]

    def firing(self) -> set[tuple[str, ...]]:
        """The alerts that fire: name, store and job."""
        alerts = (self.ask("alerts") or {}).get("alerts", [])
        labels = [a["labels"] for a in alerts if a["state"] == "firing"]
        return {(x["alertname"], x.get("tienda", ""), x.get("job", "")) for x in labels}


@contextmanager
def watching(program: str, daemon: Daemon, folder: Path) -> Iterator[Prometheus]:
    """Prometheus with the shipped example and rules; what differs is the address, and that nobody waits for minutes."""
    folder.mkdir()
    config = (SHIPPED / "scrape.yml").read_text(encoding="utf-8")
    config = config.replace("127.0.0.1:8765", daemon.url.removeprefix("http://"))
    assert config.count("_interval: 30s") == 2
    (folder / "scrape.yml").write_text(config.replace("_interval: 30s", "_interval: 1s"), encoding="utf-8")
    rules = (SHIPPED / "klk-daemon.rules.yml").read_text(encoding="utf-8")
    shortened = re.sub(r"for: \d+[mh]", "for: 1s", rules)
    (folder / "klk-daemon.rules.yml").write_text(shortened, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={folder / 'scrape.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            yield Prometheus(f"http://{address}")
        finally:
            process.kill()
            process.wait()


def test_a_stale_store_fires(usada: Instalacion, simulador: Simulador, prometheus: str) -> None:
    """A store whose last success lies five hours back is told of, it alone; no more, once it has succeeded."""
    usada.write(
        "UPDATE etl_ejecuciones SET fecha_inicio = fecha_inicio - INTERVAL 5 HOUR, fecha_fin = fecha_fin - INTERVAL 5"
        f" HOUR WHERE etl_tipo = 'ventas' AND ubicacion_id = '{ARTIGAS}'"
    )
    falla = simulador.fallas.poner(Falla(TipoFalla.HTTP, sucursal="SUC003"))
    with running(usada, runs=0) as daemon, watching(prometheus, daemon, usada.folder / "prometheus") as watcher:
        wait_for(watcher.up, "Prometheus reads the daemon")
        stale = {("KlkTiendaAtrasada", ARTIGAS, "ventas")}
        wait_for(lambda: watcher.firing() == stale, "its alert fires, and no other")
        simulador.fallas.quitar(falla.id)
        usada.trigger("ventas")
        wait_for(lambda: not watcher.firing(), "the alert is over")
