"""A machine for `klk-daemon service`: programs on PATH that record how systemd, launchd and cron are called."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

UNIT = "klk-daemon.service"
# Each call is a line of `calls`; the state of the service manager is a file or two beside it.
FAKE = """\
#!{python}
import os, sys
from pathlib import Path
here, name, args = Path(__file__).parent, Path(__file__).name, sys.argv[1:]
with (here / "calls").open("a") as calls:
    calls.write(" ".join([name, *args]) + "\\n")
on, tab = here / "on", here / "crontab.txt"
if (here / f"{{name}}.broken").exists():
    sys.exit((here / f"{{name}}.broken").read_text())
if name == "crontab":
    if args[-1] == "-":
        tab.write_bytes(sys.stdin.buffer.read())
    elif not tab.exists():
        sys.exit("no crontab for ana")
    else:
        sys.stdout.buffer.write(tab.read_bytes())
elif name == "loginctl":
    print("yes" if (here / "lingers").exists() else "no") if "show-user" in args else (here / "lingers").touch()
elif name == "launchctl":
    if args[0] == "print":
        print((here / "print.txt").read_text()) if on.exists() else sys.exit(113)
    elif args[0] == "bootstrap":
        on.touch()
    elif args[0] == "bootout":
        on.unlink()
elif "restart" in args:
    on.touch()
elif "disable" in args:
    on.unlink(missing_ok=True)
elif "is-active" in args or "is-enabled" in args:
    sys.exit(0 if on.exists() else 3)
elif "show" in args and "klk-daemon.service" in args:
    print((here / "show.txt").read_text())
    print("ActiveState=active" if on.exists() else "ActiveState=inactive")
    print("SubState=running" if on.exists() else "SubState=dead")
"""
SHOW = """\
LoadState=loaded
UnitFileState=enabled
FragmentPath=/units/klk-daemon.service
MainPID=42
NRestarts=1
StatusText=ventas exitoso 09:05
ActiveEnterTimestamp=Mon 2025-11-17 09:00:01 -04
ExecMainCode=2
ExecMainStatus=9
Result=success
ExecMainExitTimestamp=Mon 2025-11-17 09:00:00 -04"""
PRINT = """\
gui/501/local.klk-daemon = {
\tactive count = 1
\tpath = /Users/ana/Library/LaunchAgents/local.klk-daemon.plist
\ttype = LaunchAgent
\tstate = running

\tprogram = /Users/ana/klk-daemon/bin/klk-daemon
\targuments = {
\t\t/Users/ana/klk-daemon/bin/klk-daemon
\t\trun
\t}
\truns = 3
\tpid = 42
\tlast exit code = 0
\tendpoints = {
\t\tstate = active
\t}
}"""
# macOS as far as our program can tell: the platform's name, before anything is imported.
ON_MAC = (
    "import sys, urllib.request, zoneinfo; sys.platform = 'darwin'; from klk_daemon.cli import main; main(sys.argv[1:])"
)


@dataclass
class Host:
    """A machine whose service manager only takes notes."""

    home: Path
    bin: Path
    launcher: Sequence[str] = (sys.executable, "-m", "klk_daemon")

    def prepare(self) -> None:
        """Puts the programs in place."""
        self.home.mkdir()
        self.bin.mkdir()
        for name in ("systemctl", "loginctl", "crontab", "launchctl"):
            program = self.bin / name
            program.write_text(FAKE.format(python=sys.executable), encoding="utf-8")
            program.chmod(0o755)
        (self.bin / "show.txt").write_text(SHOW, encoding="utf-8")
        (self.bin / "print.txt").write_text(PRINT, encoding="utf-8")

    def run(self, *args: str, code: int = 0, **env: str) -> str:
        """Runs `klk-daemon service …`; returns what it printed."""
        done = subprocess.run(
            [*self.launcher, *args],
            env={**os.environ, "HOME": str(self.home), "PATH": f"{self.bin}:{os.environ['PATH']}", **env},
            capture_output=True,
            text=True,
            cwd=self.home,
            check=False,
            timeout=60,
        )
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    @property
    def calls(self) -> list[str]:
        """What was called since the last look, but for questions."""
        notes = self.bin / "calls"
        lines = notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []
        notes.unlink(missing_ok=True)
        questions = (" show", "is-active", "is-enabled", "show-user", "launchctl print")
        return [line for line in lines if not any(word in line for word in questions)]

    def files(self) -> set[str]:
        """The files in the home."""
        return {str(path.relative_to(self.home)) for path in self.home.rglob("*") if path.is_file()}
