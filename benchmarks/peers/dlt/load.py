"""The same stock by dlt: its REST source, merged into DuckDB. Run by `.venv-dlt/bin/python` (`make .venv-dlt/.done`).

python benchmarks/peers/dlt/load.py http://127.0.0.1:7002 stock.db TANT TTZ …
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

# It reports home unless told not to; nothing here speaks to anything but loopback.
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"

import dlt
from dlt.sources.rest_api import rest_api_source


def load(url: str, path: str, almacenes: Sequence[str]) -> None:
    """Fetches all warehouses, side by side as dlt does it, and merges them by warehouse and code."""
    source = rest_api_source(
        {
            "client": {"base_url": url, "paginator": "single_page"},
            "resource_defaults": {
                "write_disposition": "merge",
                "primary_key": ["almacen", "Codigo"],
                "table_name": "stock",
                "parallelized": True,
            },
            "resources": [_resource(almacen) for almacen in almacenes],
        }
    )
    pipeline = dlt.pipeline(
        "stock",
        pipelines_dir=str(Path(path).parent / "dlt"),
        destination=dlt.destinations.duckdb(path),
        dataset_name="klk",
    )
    pipeline.run(source).raise_on_failed_jobs()


def _resource(almacen: str) -> dict[str, object]:
    return {
        "name": almacen,
        "endpoint": {
            "path": "/maestra/articulos/almacen",
            "method": "POST",
            "json": {"Codigoalmacen": almacen},
            "data_selector": "articulos",
        },
        "processing_steps": [{"map": lambda row: {"almacen": almacen, **row}}],
    }


if __name__ == "__main__":
    load(sys.argv[1], sys.argv[2], sys.argv[3:])
