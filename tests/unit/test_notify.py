"""What systemd is told (sd_notify(3)), over a real socket."""

import os
import socket
from pathlib import Path

from klk_daemon.daemon.notify import Notifier


def test_messages(tmp_path: Path) -> None:
    """Each message is one datagram, as systemd reads it."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        notifier = Notifier({"NOTIFY_SOCKET": str(path)})
        notifier.starting("opening the database")
        notifier.ready("running")
        notifier.status("ventas exitoso")
        notifier.alive()
        notifier.reloading()
        notifier.stopping()
        got = [systemd.recv(4096).decode() for _ in range(6)]
    assert got.pop(0) == "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=opening the database"
    assert got[0] == "READY=1\nSTATUS=running"
    assert got[1] == "STATUS=ventas exitoso"
    assert got[2] == "WATCHDOG=1"
    assert got[3].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert got[4].startswith("STOPPING=1")


def test_abstract_socket() -> None:
    """A leading @ is an abstract address."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0klk-daemon-test-notify")
        Notifier({"NOTIFY_SOCKET": "@klk-daemon-test-notify"}).alive()
        assert systemd.recv(4096) == b"WATCHDOG=1"


def test_nobody_listens() -> None:
    """Elsewhere than under systemd nothing is sent, and there is no watchdog."""
    notifier = Notifier({})
    notifier.ready("running")
    assert notifier.watchdog_s is None


def test_watchdog_of_this_process() -> None:
    """The watchdog's patience is in microseconds, and only for the process that it names."""
    assert Notifier({"WATCHDOG_USEC": "60000000"}).watchdog_s == 60
    assert Notifier({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}).watchdog_s == 60
    assert Notifier({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}).watchdog_s is None
