"""The operator's machine: what the tests do on it, in the operator's words."""

import json
from pathlib import Path
from typing import Any

from .container import MOUNT, Container, Salida

PROGRAM = "/opt/klk-daemon/bin/klk-daemon"
UNIT = "/etc/systemd/system/klk-daemon.service"
CONFIG = "/etc/klk-daemon/klk.toml"
DATA = "/var/lib/klk-daemon"
DATABASE = f"{DATA}/fluxion_production.db"
LOGS = "/var/log/klk-daemon"
SIMULATOR = "http://127.0.0.1:7002"

PREPARE = f"""
set -e
python3 -m venv /opt/klk-daemon
pip="/opt/klk-daemon/bin/pip --quiet --no-input install --no-index --find-links {MOUNT}/wheels"
$pip --require-hashes -r {MOUNT}/wheels/requirements.lock
$pip --no-deps {MOUNT}/wheels/klk_daemon-*.whl
useradd --create-home --shell /bin/bash ana
systemd-run --quiet --unit klk-sim {PROGRAM} simulate --articulos 200 --lineas-por-dia 400
"""
# A loop that hangs: the signal's handler never returns. For the test alone, in its own environment's start-up.
HANG = """
import signal, sys, time
if sys.argv[-1:] == ["run"]:
    signal.signal(signal.SIGUSR2, lambda *_: time.sleep(3600))
"""
QUERY = """
import duckdb, json, sys, time
for _ in range(100):
    try:
        with duckdb.connect(sys.argv[1], read_only=True) as con:
            print(json.dumps(con.execute(sys.argv[2]).fetchall(), default=str))
        break
    except duckdb.IOException as e:
        if "lock" not in str(e):
            raise
        time.sleep(0.05)
"""
POST = """
import sys, urllib.request
url, token, body = sys.argv[1:]
headers = {"Authorization": "Bearer " + token} if token else {}
request = urllib.request.Request(url, data=body.encode(), headers=headers, method="POST")
print(urllib.request.urlopen(request, timeout=20).read().decode())
"""


class Machine:
    """A machine with the program, the simulator, and a user `ana`."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.run = container.run
        self.until = container.until
        self.before: set[str] = set()

    def prepare(self) -> None:
        """Installs the program from the wheels, and starts the simulator."""
        self.run(PREPARE, seconds=300)
        self.write(f"{self.site}/klk_hang.py", HANG)
        self.write(f"{self.site}/klk_hang.pth", "import klk_hang\n")
        for name, text in (("query", QUERY), ("post", POST)):
            self.write(f"/opt/{name}.py", text)
        self.until(lambda: self.run(f"{PROGRAM} tiendas --help", code=None).code == 0, "the program")

    @property
    def site(self) -> str:
        """Where the program's environment has its packages."""
        return self.run("echo /opt/klk-daemon/lib/python3*/site-packages").out

    def write(self, path: str, text: str) -> None:
        """Writes a file, as root."""
        (self.container.root / path.lstrip("/")).write_text(text, encoding="utf-8")

    def read(self, path: str) -> str:
        """Reads a file, as root."""
        return (self.container.root / path.lstrip("/")).read_text(encoding="utf-8")

    def edit(self, path: str, old: str, new: str) -> None:
        """Changes a file in place."""
        text = self.read(path)
        assert old in text, text
        self.write(path, text.replace(old, new))

    def klk(self, arguments: str, *, user: str = "", code: int | None = 0) -> Salida:
        """Runs `klk-daemon …`."""
        return self.run(f"{PROGRAM} {arguments}", user=user, code=code)

    def show(self, *properties: str) -> list[str]:
        """What systemd knows of the service."""
        return [self.run(f"systemctl show -P {name} klk-daemon").out for name in properties]

    @property
    def pid(self) -> int:
        """Of the running service."""
        return int(self.show("MainPID")[0])

    def sql(self, query: str, *, database: str = DATABASE, user: str = "") -> list[list[Any]]:
        """Reads the database as any program does."""
        done = self.run(f"/opt/klk-daemon/bin/python /opt/query.py {database} {json.dumps(query)}", user=user)
        rows: list[list[Any]] = json.loads(done.out)
        return rows

    def both_jobs_ran(self, database: str = DATABASE) -> bool:
        """Whether the ledger has a successful run of inventario and of ventas for each store."""
        if not (self.container.root / database.lstrip("/")).exists():
            return False
        query = "SELECT count(DISTINCT etl_tipo || ubicacion_id) FROM etl_ejecuciones WHERE estado = 'exitoso'"
        return "does not exist" not in (out := self._try(database, query)) and out == "[[8]]"

    def _try(self, database: str, query: str) -> str:
        return self.run(
            f"/opt/klk-daemon/bin/python /opt/query.py '{database}' {json.dumps(query)} 2>&1 | tail -1", code=None
        ).out

    def post(self, url: str, body: str = "", token: str = "") -> str:
        """Asks the simulator or the daemon for something."""
        return self.run(f"python3 /opt/post.py {url} '{token}' '{body}'").out

    def trigger(self, job: str) -> None:
        """Asks the running daemon for a run."""
        self.post(f"http://127.0.0.1:8765/api/trigger/{job}", token=self.read(f"{DATA}/state/token").strip())

    def files(self) -> set[str]:
        """Every file and folder of the machine that is on a disk."""
        found = self.run(
            "find / -xdev \\( -path /proc -o -path /sys -o -path /tmp -o -path /run \\) -prune -o -print"
        ).out
        return set(found.splitlines())

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        return self.run(f"test -e {path}", code=None).code == 0


def repository(path: str) -> str:
    """A file of the project."""
    return (Path(__file__).parents[2] / path).read_text(encoding="utf-8")
