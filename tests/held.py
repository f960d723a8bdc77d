"""A database file that another program has open."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOLD = """
import duckdb, select, sys
con = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "reader")
print("held", flush=True)
select.select([sys.stdin], [], [], float(sys.argv[3]))
con.close()
"""


@contextmanager
def held(database: Path, how: str = "writer", *, seconds: float = 60) -> Iterator["subprocess.Popen[str]"]:
    """Another process has the file open: until the block ends, the time is up, or its stdin is closed."""
    command = [sys.executable, "-c", HOLD, str(database), how, str(seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.stdin.close()
