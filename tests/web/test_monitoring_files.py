"""The alert rules and the dashboard ask for figures that exist, and point at pages that do."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app.metrics import COUNTED
from app.web.figures import FIGURES

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
DASHBOARD = ROOT / "deploy/grafana/a1-garage-booking.json"
ALONE = {
    "a1_db_clock_skew_seconds",
    "a1_db_pool_in_use",
    "a1_database_up",
    "a1_build_info",
    "a1_replica_lag_seconds",
}


def figures() -> set[str]:
    """Every name that /metrics can show."""
    counted = {family.name for item in COUNTED for family in item.metric.describe()}
    return (
        {f"{name}_total" for name in counted}
        | {f"{name}_bucket" for name in counted}
        | {figure.name for figure in FIGURES}
        | ALONE
    )


@pytest.mark.parametrize("path", [ALERTS, DASHBOARD], ids=lambda path: path.name)
def test_every_figure_asked_for_exists(path: Path) -> None:
    asked = set(re.findall(r"\ba1_[a-z_]+", path.read_text()))
    assert asked
    assert asked <= figures()


def test_every_alert_names_its_urgency_and_a_page_that_helps() -> None:
    alerts = ALERTS.read_text().split("- alert: ")[1:]
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in (ROOT / "docs/runbook.md").read_text().splitlines()
        if line.startswith("#")
    }
    for alert in alerts:
        assert re.search(r"severity: (page|ticket)\b", alert), alert
        assert re.search(r"runbook: docs/runbook\.md#(\S+)", alert)[1] in headings, alert


def test_the_dashboard_is_one_grafana_can_read() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    assert {panel["type"] for panel in dashboard["panels"]} == {"stat", "timeseries"}
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_promtool_accepts_the_rules_and_their_tests_where_it_is_installed() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        return  # the tests above hold everywhere; this one adds Prometheus' own word
    tests = sorted(file.name for file in ALERTS.parent.glob("*.test.yml"))
    for command in (["check", "rules", ALERTS.name], ["test", "rules", *tests]):
        done = subprocess.run(
            [promtool, *command], cwd=ALERTS.parent, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_figure_is_explained() -> None:
    explained = set(
        re.findall(r"^\| `(a1_[a-z_]+)`", (ROOT / "docs/monitoring.md").read_text(), re.MULTILINE)
    )
    counted = {family.name for item in COUNTED for family in item.metric.describe()}
    known = {figure.name for figure in FIGURES} | ALONE
    assert {name.removesuffix("_total") for name in explained} == counted | known
