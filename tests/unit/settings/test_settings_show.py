"""`config show` and `config validate`: values with origins, and no secrets."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from klk_daemon.cli.config import app
from klk_daemon.errors import ConfigError
from klk_daemon.settings import Loaded, as_json, as_toml, load, summary

FILE = """
[api]
base_url = "http://user:s3cret@klk.example:7002"
[database]
path = "ducklake:postgres:dbname=klk password='s3 cret' host=db.example"
data_path = "s3://bucket/klk"
[alerts]
urls = ["slack://T1JJ3T3L2/A1BRTD4JD/s3crets3crets3crets3cret", "mailto://me:s3cret@mail.example"]
heartbeat_url = "https://hc-ping.example/s3cret"
[[tiendas]]
id = "t1"
sucursal = "S1"
almacenes = ["A1", "A2"]
[[tiendas]]
id = "t2"
sucursal = "S2"
almacenes = []
activa = false
"""


@dataclass
class State:
    """What the main callback leaves in the click context."""

    path: Path
    env: Mapping[str, str]

    def load(self) -> Loaded:
        """The settings of this test."""
        return load(self.path, env=self.env, overrides={"http.port": "0"}, cwd=self.path.parent)


@pytest.fixture
def state(tmp_path: Path) -> State:
    """A file with every kind of secret, one variable, one override."""
    path = tmp_path / "klk.toml"
    path.write_text(FILE)
    return State(path, {"KLK_API__TIMEOUT_S": "60"})


def test_toml_has_every_value_and_its_origin(state: State) -> None:
    """The output is TOML with the effective values; behind each stands where it came from, in one column."""
    text = as_toml(state.load())
    shown = tomllib.loads(text)
    assert shown["api"]["timeout_s"] == 60
    assert shown["http"]["port"] == 0
    assert [tienda["nombre"] for tienda in shown["tiendas"]] == ["t1", "t2"]
    lines = {line.split("  #")[0].strip(): line for line in text.splitlines()}
    assert lines["timeout_s = 60"].endswith("# environment KLK_API__TIMEOUT_S")
    assert lines["port = 0"].endswith("# command line")
    assert lines["max_concurrency = 6"].endswith("# default")
    assert lines["[[tiendas]]"].endswith(f"# file {state.path}")
    assert lines["timeout_s = 60"].index("#") == lines["port = 0"].index("#")


def test_no_store_is_shown_as_an_empty_list(tmp_path: Path) -> None:
    """Without stores the output still is TOML, and says so."""
    path = tmp_path / "klk.toml"
    path.write_text("")
    assert tomllib.loads(as_toml(load(path, env={}, cwd=tmp_path)))["tiendas"] == []


@pytest.mark.parametrize("render", [as_toml, as_json])
def test_secrets_are_masked(state: State, render: object) -> None:
    """Passwords, tokens and the paths of webhooks are not shown; what tells them apart is."""
    assert callable(render)
    text = render(state.load())
    assert "s3cret" not in text
    assert "s3 cret" not in text
    for kept in (
        '"http://…@klk.example:7002"',
        '"slack://…"',
        '"mailto://…"',
        '"https://hc-ping.example/…"',
        "dbname=klk password=… host=db.example",
        "s3://bucket/klk",
    ):
        assert kept in text


def test_json_has_file_settings_and_origins(state: State) -> None:
    """--json: one document with the file, the values by section, and the origins by dotted key."""
    document = json.loads(as_json(state.load()))
    assert document["file"] == str(state.path)
    assert document["settings"]["api"]["timeout_s"] == 60
    assert document["settings"]["tiendas"][0]["almacenes"] == ["A1", "A2"]
    assert document["origins"]["api.timeout_s"] == "environment KLK_API__TIMEOUT_S"


def test_summary_counts(state: State) -> None:
    """Stores, inactive ones among them, and warehouses."""
    assert summary(state.load()) == "2 stores (1 inactive), 2 warehouses"


def test_show_and_validate_commands(state: State) -> None:
    """Both write to stdout and end with 0; `validate` begins with "ok:" and the file."""
    runner = CliRunner()
    shown = runner.invoke(app, ["show"], obj=state)
    assert (shown.exit_code, shown.stdout.strip()) == (0, as_toml(state.load()))
    document = runner.invoke(app, ["show", "--json"], obj=state)
    assert json.loads(document.stdout)["file"] == str(state.path)
    valid = runner.invoke(app, ["validate"], obj=state)
    assert valid.stdout == f"ok: {state.path} (2 stores (1 inactive), 2 warehouses)\n"


def test_validate_refuses_what_could_not_run(tmp_path: Path) -> None:
    """A configuration without stores or address loads, but is not valid: ConfigError, which ends with 2."""
    path = tmp_path / "klk.toml"
    path.write_text("")
    result = CliRunner().invoke(app, ["validate"], obj=State(path, {}))
    assert isinstance(result.exception, ConfigError)
    assert "[[tiendas]]" in str(result.exception)
