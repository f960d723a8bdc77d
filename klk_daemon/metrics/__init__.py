"""The process's figures for Prometheus: declared once, served by the daemon, or left in a file by a trigger."""

from klk_daemon.metrics.registry import Metrics

__all__ = ["Metrics"]
