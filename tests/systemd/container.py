"""A Debian in a container, booted with its own systemd, and thrown away afterwards."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = Path("/var/cache/klk-daemon-test")
# The number goes up with the list of packages: another one is another image.
IMAGE = CACHE / "bookworm-1"
PACKAGES = "systemd,systemd-sysv,dbus,libpam-systemd,python3,python3-venv,procps,cron"
MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
TOOLS = ("systemd-nspawn", "debootstrap", "nsenter")
PYTHON = "311"  # bookworm's
MOUNT = "/mnt/klk"


def missing() -> list[str]:
    """What this machine lacks for such a container."""
    return ["root"] * (os.geteuid() != 0) + [tool for tool in TOOLS if shutil.which(tool) is None]


@dataclass(frozen=True, slots=True)
class Salida:
    """How a command in the container ended."""

    code: int
    out: str

    def __str__(self) -> str:
        """For the message of an assertion."""
        return f"exit {self.code}\n{self.out}"


@dataclass(frozen=True, slots=True)
class Container:
    """A booted container; `leader` is its systemd, as seen from here."""

    leader: int

    @property
    def root(self) -> Path:
        """Its file system, as seen from here."""
        return Path(f"/proc/{self.leader}/root")

    def run(self, script: str, *, user: str = "", code: int | None = 0, seconds: float = 120) -> Salida:
        """Runs a shell script in it; as a user, in that user's session."""
        shell = ["/bin/bash", "-c", script]
        if user:
            env = f"HOME=/home/{user} XDG_RUNTIME_DIR=/run/user/$(id -u {user})"
            shell = ["/bin/bash", "-c", f"cd / && exec runuser -u {user} -- env {env} {shlex.join(shell)}"]
        enter = ["nsenter", "-t", str(self.leader), "--all", "--"]
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        done = subprocess.run(
            [*enter, "/usr/bin/env", "-i", f"PATH={path}", "HOME=/root", "LANG=C.UTF-8", *shell],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        salida = Salida(done.returncode, done.stdout.strip())
        assert code is None or salida.code == code, f"{script}\n{salida}"
        return salida

    def until(self, condition: Callable[[], object], what: str, *, seconds: float = 30) -> float:
        """Waits until something holds; returns how long that took."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > seconds:
                journal = self.run("journalctl -n 60 --no-pager -o cat", code=None)
                raise AssertionError(f"{what} did not happen within {seconds:g} s\n{journal.out}")
            time.sleep(0.1)
        return time.monotonic() - began


@contextmanager
def booted(shared: Path) -> Iterator[Container]:
    """A container of the cached image. `shared` is seen in it, read-only, as `MOUNT`."""
    # Under a host's own systemd the container is registered there; elsewhere nobody could do that.
    alone = [] if Path("/run/systemd/system").exists() else ["--register=no", "--keep-unit"]
    command = [
        *("systemd-nspawn", "--boot", "--quiet", f"--directory={IMAGE}", "--volatile=overlay", "--private-network"),
        *(f"--machine=klk-test-{os.getpid()}", f"--bind-ro={shared}:{MOUNT}", "--console=pipe", *alone),
    ]
    with (
        tempfile.TemporaryFile() as console,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            # Nobody writes the image: two containers may run on it.
            env={**os.environ, "SYSTEMD_NSPAWN_LOCK": "0"},
        ) as nspawn,
    ):
        try:
            yield _running(nspawn)
        finally:
            nspawn.send_signal(signal.SIGTERM)  # an orderly halt
            try:
                nspawn.wait(30)
            except subprocess.TimeoutExpired:
                nspawn.kill()


def _running(nspawn: "subprocess.Popen[bytes]") -> Container:
    deadline = time.monotonic() + 60
    state = "no leader"
    while time.monotonic() < deadline and nspawn.poll() is None:
        children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text(encoding="ascii").split()
        for child in children:
            container = Container(int(child))
            if Path(f"/proc/{child}/comm").read_text(encoding="ascii").strip() != "systemd":
                continue
            state = container.run("systemctl is-system-running", code=None).out
            if state in {"running", "degraded"}:
                return container
        time.sleep(0.2)
    raise AssertionError(f"the container did not come up: {state}, systemd-nspawn exit {nspawn.poll()}")


def image() -> None:
    """Makes the image, once a machine."""
    if IMAGE.exists():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    new = IMAGE.with_name(f"{IMAGE.name}.{os.getpid()}.new")
    _must("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(new), MIRROR)
    new.rename(IMAGE)


def wheels(folder: Path) -> None:
    """The locked requirements, fetched once, and our own wheel, built now: the container has no network."""
    kept = CACHE / "wheels"
    platforms = [f"--platform={kind}_x86_64" for kind in ("manylinux_2_28", "manylinux2014", "manylinux_2_17")]
    lock = ROOT / "requirements.lock"
    _pip(
        *("download", "--require-hashes", "--no-deps", "--only-binary=:all:", "-r", str(lock), "-d", str(kept)),
        *(f"--python-version={PYTHON}", "--implementation=cp", f"--abi=cp{PYTHON}", "--abi=abi3", "--abi=none"),
        *platforms,
    )
    shutil.copytree(kept, folder)
    shutil.copy(lock, folder)
    _pip("wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT))


def _pip(*arguments: str) -> None:
    _must(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)


def _must(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout[-3000:]}"
