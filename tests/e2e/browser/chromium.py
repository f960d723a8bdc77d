"""Debian's Chromium, driven by Playwright; nothing of it is downloaded."""

import os
import shutil

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
]


def installed() -> bool:
    """Whether there is one."""
    return os.access(CHROMIUM, os.X_OK)
