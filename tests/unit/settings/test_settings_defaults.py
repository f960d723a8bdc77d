"""The contract's TOML block, key by key, and the file that ships."""

import tomllib
from pathlib import Path

import pytest

from klk_daemon.settings import Settings, TiendaSettings, documented_keys, load, summary

SHIPPED = Path(__file__).parents[3] / "config" / "klk.toml"

# contract.md, Configuration, with the address left out: it has no default in the code; and [metrics], added since.
CONTRACT = """
[api]
base_url = ""
timeout_s = 120
connect_timeout_s = 5
max_concurrency = 6
max_response_mb = 64
retry_attempts = 4
retry_max_wait_s = 30
[schedule]
timezone = "America/Caracas"
inventario = "0,30 * * * *"
ventas = "5,35 * * * *"
conciliacion = "15 3 * * *"
run_timeout_s = 1500
[ventas]
overlap_min = 60
first_run_days = 0
max_catchup_days = 31
[inventario]
min_ratio = 0.5
wait_s = 300
[conciliacion]
days = 2
[database]
path = "../data/fluxion_production.db"
data_path = ""
lock_timeout_s = 120
memory_limit = "512MB"
serve = ""
[logs]
dir = "../logs"
level = "info"
compress_after_days = 7
delete_after_days = 30
[http]
enabled = true
host = "127.0.0.1"
port = 8765
allowed_hosts = []
[metrics]
textfile = ""
[alerts]
urls = []
heartbeat_url = ""
fail_after = 2
stale_after_min = 75
quiet_hours = []
daily_summary = ""
[[tiendas]]
id = "tienda_01"
nombre = "PERIFERICO"
sucursal = "SUC001"
almacenes = ["APP-TPF", "APP-PPF"]
activa = true
"""


def as_data(settings: Settings) -> dict[str, object]:
    """Plain lists and tables, as TOML has them."""
    return settings.model_dump(mode="json")


def test_defaults_are_the_contract_s() -> None:
    """Without a source every key of the contract is there with its default, and no other key is."""
    expected = tomllib.loads(CONTRACT) | {"tiendas": []}
    assert as_data(Settings()) == expected


def test_contract_block_is_accepted_whole(tmp_path: Path) -> None:
    """The contract's block, its store included, is a configuration without errors."""
    path = tmp_path / "klk.toml"
    path.write_text(CONTRACT)
    loaded = load(path, env={}, cwd=tmp_path)
    assert as_data(loaded.settings)["tiendas"] == tomllib.loads(CONTRACT)["tiendas"]


def test_shipped_file_has_every_key_and_the_defaults() -> None:
    """config/klk.toml names every key; but for the address and the stores it changes no default."""
    raw = tomllib.loads(SHIPPED.read_text())
    loaded = load(SHIPPED, env={}, cwd=SHIPPED.parent)
    changed = {"api": raw["api"] | {"base_url": ""}, "tiendas": []}
    assert raw | changed == as_data(Settings())
    assert raw["api"]["base_url"].startswith("http://")
    assert all(origin == f"file {SHIPPED}" for origin in loaded.origins.values())
    assert summary(loaded) == "4 stores, 5 warehouses"


def test_shipped_stores_are_the_mission_s() -> None:
    """Ids, sucursales and warehouses of the four stores are the ones of the KLK API's description."""
    stores = load(SHIPPED, env={}, cwd=SHIPPED.parent).settings.tiendas
    assert [(s.id, s.nombre, s.sucursal, s.almacenes, s.activa) for s in stores] == [
        ("tienda_01", "PERIFERICO", "SUC001", ("APP-TPF", "APP-PPF"), True),
        ("tienda_08", "BOSQUE", "SUC002", ("APP-TBQ",), True),
        ("tienda_17", "ARTIGAS", "SUC003", ("TANT",), True),
        ("tienda_20", "TAZAJAL", "SUC005", ("TTZ",), True),
    ]


def test_every_key_is_described() -> None:
    """Each key, a store's included, has a description for the README and for `config show`."""
    expected = tomllib.loads(CONTRACT)
    keys = {
        f"{section}.{key}"
        for section, table in expected.items()
        for key in (table[0] if isinstance(table, list) else table)
    }
    described = documented_keys()
    assert set(described) == keys
    assert all(described.values())


def test_a_store_needs_three_keys(tmp_path: Path) -> None:
    """Adding a store is id, sucursal and almacenes: its name is its id, and it is active."""
    path = tmp_path / "klk.toml"
    path.write_text('[[tiendas]]\nid = "t1"\nsucursal = "S1"\nalmacenes = ["A"]\n')
    assert load(path, env={}, cwd=tmp_path).settings.tiendas == (
        TiendaSettings(id="t1", nombre="t1", sucursal="S1", almacenes=("A",), activa=True),
    )


def test_settings_are_immutable_and_hashable() -> None:
    """A loaded configuration cannot change under its readers; equal ones compare and hash alike."""
    settings = Settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.api.port = 1  # type: ignore[attr-defined]
    assert settings == Settings()
    assert hash(settings) == hash(Settings())


def test_settings_alone_read_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only `load` reads the environment: building Settings in a test or in code is not disturbed by it."""
    monkeypatch.setenv("KLK_API__TIMEOUT_S", "7")
    assert Settings().api.timeout_s == 120
