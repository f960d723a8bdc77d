"""What ships for Prometheus and Grafana: rules that fire when they should, and a dashboard over exactly our metrics."""

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from prometheus_client import CollectorRegistry, generate_latest

from klk_daemon.domain import Job, Tienda
from klk_daemon.jobs.health import CONCILIACION_LIMIT
from klk_daemon.metrics import Metrics
from klk_daemon.settings import Settings
from klk_daemon.warehouse.queries import EstadoTienda

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = (PROMETHEUS / "klk-daemon.rules.yml").read_text(encoding="utf-8")
TESTS = (PROMETHEUS / "klk-daemon.rules.test.yml").read_text(encoding="utf-8")
DASHBOARD = (ROOT / "deploy" / "grafana" / "klk-daemon.json").read_text(encoding="utf-8")
METRIC = re.compile(r"\bklk_[a-z_]+")


def series() -> dict[str, str]:
    """Every name that Prometheus sees, to the metric whose it is: counters and histograms have endings."""
    endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    families = Metrics(CollectorRegistry(), version="1").registry.collect()
    return {f.name + ending: f.name for f in families for ending in endings[f.type]}


def panels() -> list[dict[str, Any]]:
    """The dashboard's panels, headings too."""
    found: list[dict[str, Any]] = json.loads(DASHBOARD)["panels"]
    return found


def expressions() -> Iterator[str]:
    """What the dashboard asks Prometheus, with a store and a job in place of its variables."""
    for panel in panels():
        for target in panel.get("targets", ()):
            yield re.sub(r"\$(instancia|job|tienda)\b", ".*", target["expr"])


def check(promtool: str, *args: str, text: str | None = None) -> str:
    """Runs promtool; it must be content. Returns what it says."""
    done = subprocess.run([promtool, *args], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_metrics(promtool: str, tiendas: tuple[Tienda, ...], zona: ZoneInfo) -> None:
    """`promtool check metrics` has nothing to say on names, units and help."""
    metrics = Metrics(CollectorRegistry(), version="1")
    metrics.configured(tiendas)
    metrics.held({t.id: EstadoTienda() for t in tiendas}, {}, zona=zona)
    metrics.alerts.labels("atrasado").inc()
    metrics.pauses([Job.VENTAS])
    assert check(promtool, "check", "metrics", text=generate_latest(metrics.registry).decode()) == ""


def test_rules_and_example(promtool: str) -> None:
    """The rules and the example, which names them, are valid."""
    check(promtool, "check", "rules", "--lint-fatal", str(PROMETHEUS / "klk-daemon.rules.yml"))
    check(promtool, "check", "config", str(PROMETHEUS / "scrape.yml"))


def test_rules_fire_and_do_not(promtool: str) -> None:
    """The unit tests of the rules pass."""
    assert "SUCCESS" in check(promtool, "test", "rules", str(PROMETHEUS / "klk-daemon.rules.test.yml"))


def test_every_rule_is_tested() -> None:
    """Each has a moment at which it fires and one at which it does not, a severity, and says what to do."""
    rules = re.findall(r"- alert: (\w+)", RULES)
    assert len(rules) >= 12
    for rule in rules:
        outcomes = re.findall(rf"alertname: {rule}\n\s+exp_alerts:(.*)", TESTS)
        assert {o.strip() for o in outcomes} == {"[]", ""}, rule
    for key in ("severity", "summary", "description"):
        assert RULES.count(f"{key}: ") == len(rules)
    assert set(re.findall(r"severity: (\w+)", RULES)) == {"critical", "warning", "info"}


def test_rules_know_only_our_metrics() -> None:
    """No rule waits for a metric that nobody tells."""
    assert set(METRIC.findall(RULES)) <= series().keys()


def test_times_agree_with_alerts() -> None:
    """Rules and dashboard have the defaults of [alerts], as they say."""
    alerts = Settings().alerts
    assert RULES.count(f"{alerts.stale_after_min} * 60") == 2
    assert f"{CONCILIACION_LIMIT // timedelta(hours=1)} * 3600" in RULES
    assert f"fail_after = {alerts.fail_after}" in RULES
    assert RULES.count(f"> {alerts.fail_after - 0.5}") == 2
    for seconds in (alerts.stale_after_min * 60, int(CONCILIACION_LIMIT.total_seconds())):
        assert str(seconds) in DASHBOARD


def test_dashboard_is_over_exactly_our_metrics() -> None:
    """Every name in it is a series of ours, and none of our metrics is missing."""
    asked = {name for expression in expressions() for name in METRIC.findall(expression)}
    assert asked <= series().keys()
    assert {series()[name] for name in asked} == set(series().values())
    variables = json.loads(DASHBOARD)["templating"]["list"]
    assert {name for v in variables for name in METRIC.findall(str(v.get("definition", "")))} <= series().keys()


def test_dashboard_is_understood(promtool: str, tmp_path: Path) -> None:
    """Prometheus can parse each of its questions."""
    rules = [f"      - record: x:{n}\n        expr: {json.dumps(e)}" for n, e in enumerate(expressions())]
    assert len(rules) > 20
    path = tmp_path / "rules.yml"
    path.write_text("groups:\n  - name: x\n    rules:\n" + "\n".join(rules) + "\n", encoding="utf-8")
    check(promtool, "check", "rules", str(path))


def test_dashboard_can_be_imported() -> None:
    """Grafana 10 asks for the data source, which all panels use; each has a title, a unit and words."""
    dashboard = json.loads(DASHBOARD)
    assert dashboard["schemaVersion"] >= 38
    assert dashboard["id"] is None
    assert [i["name"] for i in dashboard["__inputs"]] == ["DS_PROMETHEUS"]
    assert [v["name"] for v in dashboard["templating"]["list"]] == ["datasource", "instancia", "job", "tienda"]
    assert dashboard["templating"]["list"][0]["current"]["value"] == "${DS_PROMETHEUS}"
    kinds = {p["type"] for p in panels()}
    assert kinds - {"row"} == {r["id"] for r in dashboard["__requires"] if r["type"] == "panel"}
    assert len({p["id"] for p in panels()}) == len(panels())
    for panel in panels():
        assert panel["title"]
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${datasource}"
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert panel["description"].endswith(".")


def test_panels_do_not_overlap() -> None:
    """Each panel has its own place in the 24 columns."""
    places = [panel["gridPos"] for panel in panels()]
    assert all(p["x"] + p["w"] <= 24 for p in places)
    for a, b in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or above, (a, b)
