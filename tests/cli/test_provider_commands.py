"""The commands that ask ServiceTitan: what the doctor finds in the mapping and the zones, and Scheduling Pro's report."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy.orm import Session

from app.cli import doctor
from app.cli.doctor import Finding
from tests.factories import add_area
from tests.providers.conftest import sim, simulator_server
from tests.providers.simulated import Simulator

__all__ = ["sim", "simulator_server"]
Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask, session: Session, sim: Simulator) -> Iterator[Run]:
    """Run a command whose ServiceTitan is the simulator, with settings of one's own where wished."""
    before = app.extensions["a1_settings"]

    def command(*words: str, **changes: object) -> Result:
        app.extensions["a1_settings"] = sim.settings(
            database_url=before.database_url, db_pooler=before.db_pooler, **changes
        )
        return app.test_cli_runner().invoke(args=list(words))

    yield command
    app.extensions["a1_settings"] = before


def read(result: Result) -> Any:
    """Read a command's JSON; the log, which a real command sends to standard error, is one line an event here."""
    return json.loads("\n".join(line for line in result.stdout.splitlines() if not line.startswith('{"')))


def findings(result: Result) -> dict[str, dict[str, object]]:
    return {row["name"]: row for row in read(result)}


def test_the_doctor_looks_every_id_up(run: Run, session: Session) -> None:
    add_area(session, "85201")
    found = findings(run("doctor", "--json"))
    assert (found["servicetitan"]["ok"], found["its ids"]["ok"], found["slot source"]["ok"]) == (
        True,
        True,
        True,
    )
    assert found["slot source"]["says"] == "servicetitan_adcap, 7 zones"


def test_the_doctor_names_what_to_put_right_in_the_mapping(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mapping.toml"
    file.write_text('[job]\ntags = [7]\n[[campaigns]]\ncampaign = 8\nutm_source = "x"\n')
    says = str(findings(run("doctor", "--json", st_mapping_file=str(file)))["its ids"]["says"])
    assert says == "campaigns[1].campaign: there is no campaign 8; job.tags: there is no tag 7"
    file.write_text("[job]\nminutes = 'long'\n")
    found = findings(run("doctor", "--json", st_mapping_file=str(file)))
    assert not found["its ids"]["ok"]
    assert "job.minutes: must be a whole number above zero" in str(found["its ids"]["says"])


def test_the_doctor_names_areas_that_no_zone_covers(
    app: Flask, session: Session, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.extensions, "a1_settings", sim.settings())
    for zip_code in ("85201", "99999", "10001"):
        add_area(session, zip_code)
    found = doctor.look("slot source", doctor.check_slot_source)
    assert not found.ok
    assert found.says == "servicetitan_adcap: no zone covers 10001, 99999: they will have no windows"
    monkeypatch.setitem(app.extensions, "a1_settings", sim.settings(slot_provider="local"))
    for zip_code in ("85202", "99998"):
        add_area(session, zip_code)
    assert doctor.look("slot source", doctor.check_slot_source) == Finding(
        "slot source", ok=True, says="local, 1 zone"
    )


def test_the_doctor_refuses_hours_that_make_no_sense(run: Run) -> None:
    found = findings(run("doctor", "--json", slot_provider="local", slot_hours="someday"))["slot source"]
    assert found["says"] == "config: SLOT_HOURS: someday is no day or span of days like mon-fri"


def test_the_report_shows_the_funnel_and_where_visitors_left(run: Run, sim: Simulator) -> None:
    for session in (
        {},
        {},
        {"lastStep": "issue", "blockerType": "OutOfArea"},
        {"jobId": 91001, "sessionOutcome": "job"},
    ):
        httpx.post(f"{sim.url}/__sim__/st/sessions", json=session).raise_for_status()
    answer = read(run("scheduling-pro", "report", "--json"))
    (funnel,) = answer["funnel"]
    assert (funnel["scheduler"], funnel["sessions"], funnel["jobs"]) == ("Website", 4, 1)
    assert answer["abandoned"] == [
        {
            "scheduler": "Website",
            "last_step": "schedule",
            "blocker": "none",
            "source": "google",
            "sessions": 2,
        },
        {
            "scheduler": "Website",
            "last_step": "issue",
            "blocker": "OutOfArea",
            "source": "google",
            "sessions": 1,
        },
    ]
    table = run("scheduling-pro", "report").stdout
    assert "scheduler  sessions  opened" in table
    assert "Website    schedule   none" in table


@pytest.mark.parametrize("days", [("2026-11-02", "2026-11-01"), ("2026-01-01", "2026-11-01")])
def test_a_span_of_days_that_makes_no_sense_is_refused(run: Run, days: tuple[str, str]) -> None:
    result = run("scheduling-pro", "report", "--from", days[0], "--to", days[1])
    assert result.exit_code == 1
    assert "at most three months" in result.output


def test_a_provider_that_is_away_is_one_line(run: Run, sim: Simulator) -> None:
    sim.fault("servicetitan", "error", path="/schedulers", status=503)
    result = run("scheduling-pro", "report")
    assert result.exit_code == 1
    assert "Error: Scheduling Pro could not be asked: transient: schedulers.list: 503" in result.output
