"""End to end: the command line as a process, the simulator on a socket, a DuckDB file on disk."""
