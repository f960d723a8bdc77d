"""Which source wins, which file is read, and what relative paths are relative to."""

from pathlib import Path

import pytest

from klk_daemon.errors import ConfigError
from klk_daemon.settings import load, loading, parse_set, require_runnable

STORE = '[[tiendas]]\nid = "t1"\nsucursal = "S1"\nalmacenes = ["A1"]\n'


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of its own: working directory, home, and a system file that is not there yet."""
    for name in ("work/config", "home/.config/klk-daemon", "etc"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(loading, "SYSTEM_FILE", tmp_path / "etc" / "klk.toml")
    return tmp_path


def test_command_line_over_environment_over_file_over_default(tmp_path: Path) -> None:
    """Four keys, each given by one source more: the strongest wins, and `origins` says which."""
    path = tmp_path / "klk.toml"
    path.write_text("[api]\nmax_concurrency = 1\nretry_attempts = 1\nmax_response_mb = 1\n")
    loaded = load(
        path,
        env={"KLK_API__MAX_CONCURRENCY": "2", "KLK_API__RETRY_ATTEMPTS": "2"},
        overrides={"api.max_concurrency": "3"},
        cwd=tmp_path,
    )
    api = loaded.settings.api
    assert (api.max_concurrency, api.retry_attempts, api.max_response_mb, api.timeout_s) == (3, 2, 1, 120)
    assert loaded.origins["api.max_concurrency"] == "command line"
    assert loaded.origins["api.retry_attempts"] == "environment KLK_API__RETRY_ATTEMPTS"
    assert loaded.origins["api.max_response_mb"] == f"file {path}"
    assert loaded.origins["api.timeout_s"] == "default"


def test_text_is_read_as_the_field_s_type(tmp_path: Path) -> None:
    """Numbers, booleans, text and JSON lists from the environment and from the command line."""
    loaded = load(
        env={
            "KLK_API__TIMEOUT_S": "1.5",
            "KLK_HTTP__ENABLED": "false",
            "KLK_ALERTS__URLS": '["slack://a/b", "mailto://c"]',
            "KLK_TIENDAS": '[{"id": "t9", "sucursal": "007", "almacenes": ["A", "B"]}]',
        },
        overrides={
            "http.port": "0",
            "alerts.quiet_hours": '["22:00", "06:00"]',
            "alerts.daily_summary": "08:00",
        },
        cwd=tmp_path,
    )
    settings = loaded.settings
    assert settings.api.timeout_s == 1.5
    assert settings.http.enabled is False
    assert settings.http.port == 0
    assert settings.alerts.urls == ("slack://a/b", "mailto://c")
    assert settings.alerts.quiet_hours == ("22:00", "06:00")
    assert settings.alerts.daily_summary == "08:00"
    assert settings.tiendas[0].sucursal == "007"
    assert loaded.origins["tiendas"] == "environment KLK_TIENDAS"


def test_stores_of_the_environment_replace_those_of_the_file(tmp_path: Path) -> None:
    """The list of stores is one value: the environment's is not mixed with the file's."""
    path = tmp_path / "klk.toml"
    path.write_text(STORE)
    env = {"KLK_TIENDAS": '[{"id": "t2", "sucursal": "S2", "almacenes": ["A2"]}]'}
    assert [tienda.id for tienda in load(path, env=env, cwd=tmp_path).settings.tiendas] == ["t2"]


def test_variables_that_are_no_settings_are_left_alone(tmp_path: Path) -> None:
    """What other parts read (KLK_STATE_DIR, KLK_DEMO…), and other programs' variables, is no such key."""
    env = {"KLK_STATE_DIR": "/x", "KLK_CONFIG": "", "KLK_TEST_FULL": "1", "KLK_DEMO_PORT": "1", "KLKX": "1"}
    loaded = load(env=env, cwd=tmp_path)
    assert set(loaded.origins.values()) == {"default"}


def test_search_order(world: Path) -> None:
    """./config/klk.toml, then XDG_CONFIG_HOME (~/.config), then /etc; the first that exists."""
    work, home = world / "work", world / "home"
    env = {"HOME": str(home)}
    places = [
        world / "etc" / "klk.toml",
        home / ".config" / "klk-daemon" / "klk.toml",
        work / "config" / "klk.toml",
    ]
    assert load(env=env, cwd=work).file is None
    for place in places:
        place.write_text("")
        assert load(env=env, cwd=work).file == place
    places[2].unlink()
    xdg = world / "xdg" / "klk-daemon" / "klk.toml"
    xdg.parent.mkdir(parents=True)
    xdg.write_text("")
    assert load(env=env | {"XDG_CONFIG_HOME": str(world / "xdg")}, cwd=work).file == xdg
    assert load(env=env | {"XDG_CONFIG_HOME": "xdg"}, cwd=work).file == places[1]


def test_named_file_goes_before_the_search(world: Path) -> None:
    """--config before KLK_CONFIG before the search; both relative to the working directory."""
    work = world / "work"
    for name in ("config/klk.toml", "a.toml", "b.toml"):
        (work / name).write_text("")
    assert load(env={"KLK_CONFIG": "a.toml"}, cwd=work).file == work / "a.toml"
    assert load(Path("b.toml"), env={"KLK_CONFIG": "a.toml"}, cwd=work).file == work / "b.toml"


def test_named_file_that_cannot_be_read(world: Path) -> None:
    """A named file that is missing, or is a folder, is an error with its name: nothing else is tried."""
    missing = world / "nowhere.toml"
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read: No such file"):
        load(missing, env={}, cwd=world)
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read: No such file"):
        load(env={"KLK_CONFIG": str(missing)}, cwd=world)
    with pytest.raises(ConfigError, match=r"etc: cannot be read: Is a directory"):
        load(world / "etc", env={}, cwd=world)


def test_paths_of_the_file_start_at_its_folder(world: Path) -> None:
    """Relative paths in the file, and the defaults, are relative to the file; absolute ones stay."""
    path = world / "work" / "config" / "klk.toml"
    path.write_text('[database]\npath = "db/x.db"\ndata_path = "/abs/lake"\n')
    settings = load(path, env={}, cwd=world).settings
    assert settings.database.path == str(world / "work/config/db/x.db")
    assert settings.database.data_path == "/abs/lake"
    assert settings.logs.dir == str(world / "work/logs")


def test_paths_of_environment_and_command_line_start_at_the_working_directory(world: Path) -> None:
    """The same keys from the outside are relative to where the command was given."""
    path = world / "work" / "config" / "klk.toml"
    path.write_text('[database]\npath = "x.db"\n[logs]\ndir = "y"\n')
    settings = load(
        path, env={"KLK_DATABASE__PATH": "x.db"}, overrides={"logs.dir": "../y"}, cwd=world / "home"
    ).settings
    assert settings.database.path == str(world / "home/x.db")
    assert settings.logs.dir == str(world / "y")


def test_default_paths_without_a_file_start_at_the_working_directory(world: Path) -> None:
    """No file: ../data and ../logs seen from the working directory."""
    settings = load(env={}, cwd=world / "work").settings
    assert settings.database.path == str(world / "data/fluxion_production.db")
    assert settings.logs.dir == str(world / "logs")


def test_linked_folder_is_followed_before_dot_dot(world: Path) -> None:
    """A linked configuration folder: "../data" lies beside the folder itself, not beside the link."""
    (world / "link").symlink_to(world / "work" / "config")
    (world / "work" / "config" / "klk.toml").write_text("")
    settings = load(world / "link" / "klk.toml", env={}, cwd=world).settings
    assert settings.database.path == str(world / "work/data/fluxion_production.db")


def test_catalogues_and_buckets_are_no_paths(tmp_path: Path) -> None:
    """`ducklake:` and a data_path with a scheme are left as they are written."""
    path = tmp_path / "klk.toml"
    path.write_text('[database]\npath = "ducklake:postgres:dbname=klk"\ndata_path = "s3://bucket/klk"\n')
    database = load(path, env={}, cwd=tmp_path).settings.database
    assert database.path == "ducklake:postgres:dbname=klk"
    assert database.data_path == "s3://bucket/klk"


@pytest.mark.parametrize("address", ["http://h:7002", "http://h:7002/", "http://h:7002//"])
def test_base_url_loses_its_trailing_slash(tmp_path: Path, address: str) -> None:
    """With or without a slash at its end, the address is the same."""
    assert load(overrides={"api.base_url": address}, env={}, cwd=tmp_path).settings.api.base_url == "http://h:7002"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("0 3 * * 0", "0 3 * * sun"),
        ("0 3 * * 7", "0 3 * * sun"),
        ("0 3 * * 1-5", "0 3 * * mon,tue,wed,thu,fri"),
        ("0 3 * * 0-6/3", "0 3 * * sun,wed,sat"),
        ("0 3 * * */2", "0 3 * * sun,tue,thu,sat"),
        ("0 3 * * 5/1", "0 3 * * fri,sat"),
        ("0 3 * * MON-FRI", "0 3 * * mon-fri"),
        ("0  3 1 jan  *", "0 3 1 jan *"),
    ],
)
def test_weekday_numbers_are_cron_s(tmp_path: Path, given: str, expected: str) -> None:
    """0 and 7 are Sunday, as crontab(5) has it, though the scheduler counts from Monday: names say which."""
    loaded = load(overrides={"schedule.conciliacion": given}, env={}, cwd=tmp_path)
    assert loaded.settings.schedule.conciliacion == expected


def test_runnable_needs_address_and_store(world: Path) -> None:
    """Without a file both are missed, with the places looked in; with one, the file is named."""
    work = world / "work"
    with pytest.raises(ConfigError) as caught:
        require_runnable(load(env={"HOME": str(world / "home")}, cwd=work))
    base, tiendas = str(caught.value).splitlines()
    assert base.startswith("no api.base_url configured; looked in ")
    assert tiendas.startswith("no [[tiendas]] configured; looked in ")
    assert str(work / "config" / "klk.toml") in tiendas
    path = work / "x.toml"
    path.write_text(STORE)
    with pytest.raises(ConfigError, match=rf"^no api\.base_url configured in {path}$"):
        require_runnable(load(path, env={}, cwd=work))
    require_runnable(load(path, env={"KLK_API__BASE_URL": "http://h"}, cwd=work))


def test_parse_set() -> None:
    """KEY=VALUE, split at the first "="; a key's last wins; without "=" an error that repeats nothing."""
    assert parse_set(["a.b=1", "c=x=y", "a.b=2"]) == {"a.b": "2", "c": "x=y"}
    with pytest.raises(ConfigError, match=r"^--set: expected KEY=VALUE"):
        parse_set(["s3cret"])


def test_credentials_of_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret handed over as a file counts as the variable that it is named after; the environment goes before it."""
    (tmp_path / "KLK_API__BASE_URL").write_text("http://127.0.0.1:1\n", encoding="utf-8")
    (tmp_path / "KLK_API__TIMEOUT_S").write_text("7", encoding="utf-8")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("KLK_API__TIMEOUT_S", "9")
    loaded = load(cwd=tmp_path)
    assert loaded.settings.api.base_url == "http://127.0.0.1:1"
    assert loaded.settings.api.timeout_s == 9
