"""klk-daemon: a KLK point-of-sale API, kept in a DuckDB file."""

__version__ = "0.1.0"
