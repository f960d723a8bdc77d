"""The command line: one file a command group, thin."""

from klk_daemon.cli.app import main

__all__ = ["main"]
