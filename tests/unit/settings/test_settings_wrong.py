"""Wrong configurations: each is one line with the source, the key and what is expected."""

from pathlib import Path

import pytest

from klk_daemon.errors import ConfigError
from klk_daemon.settings import load

STORE = '[[tiendas]]\nid = "t1"\nsucursal = "S1"\nalmacenes = ["A1"]\n'


def failure(tmp_path: Path, text: str = "", **sources: dict[str, str]) -> str:
    """The message that loading `text` ends with."""
    path = tmp_path / "klk.toml"
    path.write_text(text)
    env, overrides = sources.get("env", {}), sources.get("overrides", {})
    with pytest.raises(ConfigError) as caught:
        load(path, env=env, overrides=overrides, cwd=tmp_path)
    assert caught.value.exit_code == 2
    return str(caught.value)


WRONG = [
    ('[api]\ntimeout_s = "fast"', "api.timeout_s", 'found "fast", expected a number above 0'),
    ('[api]\ntimeout_s = "120"', "api.timeout_s", "expected a number"),
    ("[api]\ntimeout_s = 0", "api.timeout_s", "above 0"),
    ("[api]\ntimeout_s = nan", "api.timeout_s", "expected a number"),
    ("[api]\nconnect_timeout_s = inf", "api.connect_timeout_s", "expected a number"),
    ("[api]\nmax_concurrency = 0", "api.max_concurrency", "a whole number of at least 1"),
    ("[api]\nmax_concurrency = true", "api.max_concurrency", "found true, expected a whole number"),
    ("[api]\nmax_response_mb = 1.5", "api.max_response_mb", "found 1.5, expected a whole number"),
    ("[api]\nretry_attempts = -1", "api.retry_attempts", "found -1"),
    ('[api]\nbase_url = "10.0.0.5:7002"', "api.base_url", "http:// or https:// URL"),
    ('[api]\nbase_url = "ftp://h"', "api.base_url", "http:// or https:// URL"),
    ('[api]\nbase_url = "http://h:99999"', "api.base_url", "http:// or https:// URL"),
    ('[api]\nbase_url = "http://h?x=1"', "api.base_url", "without a query"),
    ("[api]\nbase_url = 3", "api.base_url", "found 3, expected an http://"),
    ('[api]\nbaseurl = "http://h"', "api.baseurl", "unknown key; did you mean base_url?"),
    ("[apis]\nx = 1", "apis", "unknown key; did you mean api?"),
    ("api = 3", "api", "found 3, expected a table [api]"),
    ("zzz = 1", "zzz", "unknown key"),
    ('[api]\n"a\\nb" = 1', 'api."a\\nb"', "unknown key"),
    ('[schedule]\nventas = "61 * * * *"', "schedule.ventas", "higher than the maximum value"),
    ('[schedule]\nventas = "* * * *"', "schedule.ventas", "it has 4 fields"),
    ('[schedule]\ninventario = "@daily"', "schedule.inventario", "five fields"),
    ('[schedule]\nconciliacion = "0 3 * * 8"', "schedule.conciliacion", "weekday 8"),
    ('[schedule]\ntimezone = "America/Caraca"', "schedule.timezone", "IANA time zone"),
    ('[schedule]\ntimezone = "America"', "schedule.timezone", "IANA time zone"),
    ('[schedule]\ntimezone = "../etc"', "schedule.timezone", "IANA time zone"),
    ("[schedule]\nrun_timeout_s = -5", "schedule.run_timeout_s", "above 0"),
    ("[ventas]\noverlap_min = -1", "ventas.overlap_min", "at least 0"),
    ("[ventas]\nmax_catchup_days = 0", "ventas.max_catchup_days", "at least 1"),
    ("[inventario]\nmin_ratio = 7", "inventario.min_ratio", "a number of at least 0 and at most 1"),
    ("[conciliacion]\ndays = 0", "conciliacion.days", "at least 1"),
    ('[database]\npath = ""', "database.path", "a file"),
    ('[database]\npath = ":memory:"', "database.path", "a file"),
    ('[database]\npath = "postgres://h/db"', "database.path", "an address is not a file"),
    ('[database]\npath = "ducklake:postgres:dbname=k"', "database.data_path", "for DuckLake"),
    ('[database]\nmemory_limit = "lots"', "database.memory_limit", "a size with its unit"),
    ('[database]\nserve = "localhost:9494"', "database.serve", "quack:localhost:PORT"),
    ('[logs]\nlevel = "loud"', "logs.level", "one of debug, info, warning, error, critical"),
    ('[logs]\ndir = ""', "logs.dir", "a folder"),
    ("[logs]\ndelete_after_days = 0", "logs.delete_after_days", "at least 1"),
    ("[http]\nport = 99999", "http.port", "at least 0 and at most 65535"),
    ('[http]\nenabled = "yes"', "http.enabled", "true or false"),
    ('[http]\nhost = "http://x/"', "http.host", "a host name or address"),
    ('[http]\nallowed_hosts = "klk.local"', "http.allowed_hosts", "a list of host names"),
    ('[http]\nallowed_hosts = ["ok", "https://x"]', "http.allowed_hosts[1]", "a list of host names"),
    ('[metrics]\ntextfile = "/tmp/klk.txt"', "metrics.textfile", "a file that ends in .prom"),
    ('[alerts]\nurls = ["nothing"]', "alerts.urls[0]", "Apprise"),
    ('[alerts]\nheartbeat_url = "hc-ping.com"', "alerts.heartbeat_url", "http:// or https://"),
    ('[alerts]\nquiet_hours = ["22:00"]', "alerts.quiet_hours", '["22:00", "06:00"]'),
    ('[alerts]\nquiet_hours = ["22:00", "24:00"]', "alerts.quiet_hours[1]", "two different times"),
    ('[alerts]\nquiet_hours = ["22:00", "22:00"]', "alerts.quiet_hours", "two different times"),
    ('[alerts]\ndaily_summary = "8"', "alerts.daily_summary", 'a time "HH:MM"'),
    ("[alerts]\ndaily_summary = 08:00:00", "alerts.daily_summary", 'a time "HH:MM"'),
    ("[tiendas]\nx = 1", "tiendas", "a list of [[tiendas]] tables"),
    ("tiendas = [1]", "tiendas[0]", "a [[tiendas]] table"),
    (STORE + 'color = "red"', "tiendas[0].color", "unknown key"),
    (STORE + '[[tiendas]]\nsucursal = "S2"\nalmacenes = ["A2"]', "tiendas[1].id", "missing, expected"),
    (STORE + STORE.replace("S1", "S2").replace("A1", "A2"), "tiendas[1].id", "tiendas[0].id already"),
    (STORE + STORE.replace("S1", "S2").replace("t1", "t2"), "tiendas[1].almacenes[0]", "each almacen once"),
    (STORE + STORE.replace("A1", "A2").replace("t1", "t2"), "tiendas[1].sucursal", "one active store"),
    (STORE.replace('["A1"]', '["A1", "A1"]'), "tiendas[0].almacenes[1]", "tiendas[0].almacenes[0] already"),
    (STORE.replace('["A1"]', "[]"), "tiendas[0].almacenes", "at least one almacen"),
    (STORE.replace('["A1"]', '[" A1"]'), "tiendas[0].almacenes[0]", "spaces around"),
    (STORE.replace('"S1"', '""'), "tiendas[0].sucursal", "it is empty"),
    (STORE.replace('"t1"', '"t 1"'), "tiendas[0].id", "letters, digits"),
    (STORE + 'activa = "no"', "tiendas[0].activa", "true or false"),
]


@pytest.mark.parametrize(("text", "key", "expected"), WRONG)
def test_wrong_value_names_file_key_and_expectation(tmp_path: Path, text: str, key: str, expected: str) -> None:
    """One mistake is one line: the file, the dotted key, and what belongs there."""
    message = failure(tmp_path, text)
    assert message.startswith(f"{tmp_path / 'klk.toml'}: {key}: ")
    assert expected in message
    assert "\n" not in message
    assert "pydantic" not in message


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    """Several mistakes, in several sources, come together: one line each."""
    lines = failure(
        tmp_path,
        "[api]\ntimeout_s = 0\n[http]\nport = -1\n",
        env={"KLK_VENTAS__OVERLAP_MIN": "x", "KLK_NOPE": "1"},
        overrides={"conciliacion.days": "0"},
    ).splitlines()
    assert sorted(line.split(": ")[0] for line in lines) == [
        "--set",
        str(tmp_path / "klk.toml"),
        str(tmp_path / "klk.toml"),
        "KLK_NOPE",
        "KLK_VENTAS__OVERLAP_MIN",
    ]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("KLK_API__TIMEOUT_S", "fast", 'KLK_API__TIMEOUT_S: api.timeout_s: found "fast", expected a number'),
        ("KLK_API__TIMEOUT_S", "", "KLK_API__TIMEOUT_S: api.timeout_s: found"),
        ("KLK_HTTP__ENABLED", "perhaps", "KLK_HTTP__ENABLED: http.enabled: "),
        ("KLK_ALERTS__URLS", "slack://a", 'KLK_ALERTS__URLS: alerts.urls: found "slack://…", expected a list'),
        ("KLK_ALERTS__URLS", "slack://a", 'written ["one", "two"]'),
        ("KLK_TIENDAS", "[", 'KLK_TIENDAS: tiendas: found "[", expected a list of [[tiendas]] tables'),
        ("KLK_TIENDAS", "{}", "KLK_TIENDAS: tiendas: found a table, expected a list"),
        ("KLK_TIENDAS", "null", "KLK_TIENDAS: tiendas: found"),
        ("KLK_TIENDAS", "[" * 100_000, "KLK_TIENDAS: tiendas: found"),
        ("KLK_API__MAX_CONCURRENCY", "9" * 5000, "api.max_concurrency: found"),
        ("KLK_api__port", "1", "did you mean KLK_"),
        ("KLK_TIENDAS", '[{"id": 3}]', "KLK_TIENDAS: tiendas[0].id: found 3"),
        (
            "KLK_API__BASEURL",
            "x",
            "KLK_API__BASEURL: unknown setting in the environment; did you mean KLK_API__BASE_URL?",
        ),
        ("KLK_STATEDIR", "x", "did you mean KLK_STATE_DIR?"),
        ("KLK_API", "{}", "KLK_API: unknown setting"),
    ],
)
def test_wrong_variable_names_itself(tmp_path: Path, name: str, value: str, expected: str) -> None:
    """A mistake in the environment names the variable; an unknown one suggests what was meant."""
    assert expected in failure(tmp_path, env={name: value})


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("http.port", "x", '--set: http.port: found "x"'),
        ("http.prot", "1", "--set: http.prot: unknown key; did you mean http.port?"),
        ("api", "{}", "--set: api: unknown key"),
    ],
)
def test_wrong_override_names_set(tmp_path: Path, key: str, value: str, expected: str) -> None:
    """A mistake in `--set` says so, with the key."""
    assert failure(tmp_path, overrides={key: value}).startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[api]\ntimeout_s 3\n", "line 2, column 11: not TOML: Expected '='"),
        ("[api", "end of document: not TOML"),
        ("[api]\n[api]\n", "line 2, column"),
    ],
)
def test_toml_syntax_names_line_and_column(tmp_path: Path, text: str, expected: str) -> None:
    """A file that is not TOML: the file, the line, the column."""
    assert failure(tmp_path, text).startswith(f"{tmp_path / 'klk.toml'}: {expected}")


def test_file_that_is_not_utf8(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are named with their place."""
    path = tmp_path / "klk.toml"
    path.write_bytes(b"# caf\xe9\n")
    with pytest.raises(ConfigError, match="not UTF-8 text, at byte 5"):
        load(path, env={}, cwd=tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        '[api]\nbase_url = "ftp://user:s3cret@h"',
        '[api]\nbase_url = "http://user:s3cret@h:99999"',
        '[api]\nbase_url = "http://user:s3/cr@s3cret@h?q"',
        '[alerts]\nurls = ["s3cret"]',
        '[alerts]\nurls = "slack://s3cret"',
        '[alerts]\nheartbeat_url = "ftp://h/s3cret"',
        '[alerts]\ntoken = "s3cret"',
        '[database]\npath = "postgres://u:s3cret@h/db"',
        '[database]\npath = "ducklake:postgres:password=s3cret"\nserve = "x"',
    ],
)
def test_errors_hold_no_secret(tmp_path: Path, text: str) -> None:
    """What may be a password or a token stays out of the message, and out of its cause."""
    path = tmp_path / "klk.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, env={}, cwd=tmp_path)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__suppress_context__
