"""What systemd is told: ready, how it goes, still alive, reloading, stopping (sd_notify(3)); elsewhere, nobody."""

import os
import socket
import time
from collections.abc import Mapping


class Notifier:
    """Speaks to the service manager that `NOTIFY_SOCKET` names, if one does."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._address = env.get("NOTIFY_SOCKET", "")
        timeout_us = env.get("WATCHDOG_USEC", "")
        mine = env.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._watchdog_s = int(timeout_us) / 1e6 if timeout_us.isdecimal() and mine else None

    @property
    def watchdog_s(self) -> float | None:
        """After how many seconds without `alive` it restarts us; None where it does not."""
        return self._watchdog_s

    def starting(self, status: str) -> None:
        """The start goes on: another minute, if `TimeoutStartSec` is over. To be said again before that is."""
        self._send(f"EXTEND_TIMEOUT_USEC={60 * 1_000_000}\nSTATUS={status}")

    def ready(self, status: str) -> None:
        """The start, or a reload, is over."""
        self._send(f"READY=1\nSTATUS={status}")

    def status(self, status: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={status}")

    def alive(self) -> None:
        """Feeds the watchdog."""
        self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """A reload began; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1\nSTATUS=stopping")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # A leading @ is an abstract socket's zero byte.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as s:
            s.connect(address)
            s.sendall(message.encode())
