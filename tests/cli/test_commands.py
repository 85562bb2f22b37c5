"""The operator's commands: help with an example, one clear line on errors, JSON for programs."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import click
import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from app.cli import GROUPS, Groups
from app.staff import accounts, days
from tests.factories import add_area, add_zip
from tests.staff.office import PASSWORD

Run = Callable[..., Result]
COMMANDS = [command for name in GROUPS if (command := Groups().get_command(click.Context(Groups()), name))]
LEAVES = [
    (group.name, name) if isinstance(group, click.Group) else (group.name,)
    for group in COMMANDS
    for name in (group.commands if isinstance(group, click.Group) else [""])
]


@pytest.fixture
def run(app: Flask, session: Session) -> Run:
    """Run a command inside the test's transaction."""
    runner = app.test_cli_runner()
    return lambda *words, typed=None: runner.invoke(args=list(words), input=typed)


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_every_command_explains_itself_with_an_example(run: Run, words: tuple[str, ...]) -> None:
    result = run(*words, "--help")
    assert result.exit_code == 0
    assert f"Example: flask --app wsgi {' '.join(words)}" in re.sub(r"\s+", " ", result.output)


def test_areas_come_from_a_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "areas.csv"
    file.write_text("zip_code,city,state,timezone,active\n85004,Phoenix,AZ,America/Phoenix,true\n")
    assert run("areas", "import", str(file)).output == "1 areas read, 1 added or changed\n"
    listed = json.loads(run("areas", "list", "--json").output)
    assert listed == [
        {"zip_code": "85004", "city": "Phoenix", "state": "AZ", "timezone": "America/Phoenix", "active": True}
    ]
    assert "85004     Phoenix  AZ" in run("areas", "list").output
    file.write_text("zip_code,city,state,timezone,active\n85004,Phoenix,AZ,Mars,true\n")
    result = run("areas", "import", str(file))
    assert (result.exit_code, result.output) == (
        1,
        "Error: row 2, timezone: «Mars» is not a known time zone\n",
    )
    file.write_bytes(b"\xff\xfe")
    assert run("areas", "import", str(file)).output == "Error: areas.csv is not UTF-8 text\n"


def test_areas_are_added_by_zip_code(run: Run, session: Session) -> None:
    add_zip(session, "85004")
    assert run("areas", "add", "85004", "85004").output == "85004 Phoenix, AZ (America/Phoenix)\n"
    result = run("areas", "add", "00000")
    assert (result.exit_code, result.output) == (1, "Error: 00000: no such ZIP code\n")


def test_windows_are_opened_closed_and_opened_again(run: Run, session: Session) -> None:
    add_area(session)
    day = (days.today() + timedelta(days=3)).isoformat()
    where = ("--zip", "85004", "--date", day)
    assert run("slots", "open", *where, "--time", "08:00").output == f"85004 {day} 08:00: opened\n"
    assert run("slots", "open", *where, "--time", "08:00").output == f"85004 {day} 08:00: already open\n"
    assert run("slots", "close", *where, "--time", "08:00").output == f"85004 {day}: 1 closed\n"
    assert run("slots", "open", *where, "--time", "08:00").output == f"85004 {day} 08:00: opened again\n"
    assert run("slots", "close", *where).output == f"85004 {day}: 1 closed\n"
    assert session.execute(text("SELECT count(*) FROM audit_log WHERE actor = 'cli'")).scalar() == 5
    result = run("slots", "open", "--zip", "99999", "--date", day, "--time", "08:00")
    assert (result.exit_code, result.output) == (1, "Error: 99999 is not one of our service areas\n")
    assert run("slots", "open", *where, "--time", "8 o'clock").exit_code == 2
    assert run("slots", "open", "--zip", "85004", "--date", "tomorrow", "--time", "08:00").exit_code == 2


def test_staff_are_let_in_once(run: Run) -> None:
    who = (
        "staff",
        "create",
        "--email",
        "Pat@Example.com",
        "--name",
        "Pat",
        "--role",
        "dispatcher",
        "--password-stdin",
    )
    assert run(*who, typed=f"{PASSWORD}\n").output == "Pat may log in as dispatcher\n"
    again = run(*who, typed=f"{PASSWORD}\n")
    assert (again.exit_code, again.output) == (1, "Error: somebody with this e-mail address exists already\n")
    assert json.loads(run("staff", "list", "--json").output)[0]["email"] == "pat@example.com"
    assert PASSWORD not in run("staff", "list").output
    assert "12 to 200 characters" in run(*who, typed="short\n").output
    assert (
        run(
            "staff",
            "create",
            "--email",
            "x",
            "--name",
            "X",
            "--role",
            "viewer",
            "--password-stdin",
            typed=PASSWORD,
        ).exit_code
        == 1
    )


def test_a_new_password_ends_old_sessions(run: Run, session: Session) -> None:
    who = ("--email", "pat@example.com", "--password-stdin")
    assert (
        run("staff", "password", *who, typed=f"{PASSWORD}\n").output
        == "Error: nobody has this e-mail address\n"
    )
    run("staff", "create", *who, "--name", "Pat", "--role", "viewer", typed=f"{PASSWORD}\n")
    assert run("staff", "password", *who, typed="an even better one\n").exit_code == 0
    assert accounts.check(session, "pat@example.com", PASSWORD) is None
    known = accounts.check(session, "pat@example.com", "an even better one")
    assert known is not None
    assert known.epoch == 2


def test_a_password_is_asked_for_and_not_shown(run: Run) -> None:
    who = ("staff", "create", "--email", "pat@example.com", "--name", "Pat", "--role", "viewer")
    result = run(*who, typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 0
    assert PASSWORD not in result.output


def test_adding_a_partner_prints_its_key_alone(run: Run) -> None:
    result = run(
        "partners",
        "add",
        "--name",
        "Desert Homes",
        "--origin",
        "https://a.example",
        "--origin",
        "https://b.example",
        "--hue",
        "20",
    )
    assert re.fullmatch(r"pk_[A-Za-z0-9]{16}\n", result.output)
    listed = json.loads(run("partners", "list", "--json").output)
    assert [row["name"] for row in listed] == ["Our own pages", "Desert Homes"]
    assert listed[1]["origins"] == ["https://a.example", "https://b.example"]
    wrong = run("partners", "add", "--name", "X", "--origin", "https://a.example/page")
    assert wrong.exit_code == 1
    assert wrong.output.startswith("Error: origin: «https://a.example/page»")


def test_partitions_are_there_already(run: Run) -> None:
    assert run("partitions", "ensure").output == "0 partitions made\n"


def test_lists_say_when_they_are_empty(run: Run) -> None:
    assert "areas seed" in run("areas", "list").output
    assert "staff create" in run("staff", "list").output


def test_the_doctor_names_what_is_missing(run: Run) -> None:
    result = run("doctor", "--json")
    assert result.exit_code == 1
    findings = {row["name"]: row for row in json.loads(result.output)}
    assert findings["database"]["ok"]
    assert findings["migrations"]["ok"]
    assert findings["partitions"]["ok"]
    assert not findings["areas"]["ok"]
    assert "areas seed" in findings["areas"]["says"]
    assert not findings["servicetitan"]["ok"]
    lines = run("doctor").output.splitlines()
    assert len(lines) == len(findings)
    assert all(line.startswith(("ok  ", "FAIL")) for line in lines)


def test_the_provider_that_cannot_be_asked_is_one_line(run: Run, session: Session) -> None:
    add_area(session)
    result = run("slots", "sync")
    assert result.exit_code == 1
    assert "Error: the provider could not be asked" in result.output
    assert "Traceback" not in result.output


def test_a_demonstration_fills_the_reports(app: Flask, database: Engine) -> None:
    runner = app.test_cli_runner()
    assert "areas seed" in runner.invoke(args=["demo", "seed"]).output
    with app.app_context(), database.begin() as connection:
        for zip_code in ("85004", "85006", "85281", "85203"):
            connection.execute(
                text(
                    "INSERT INTO service_areas (zip_code, city, state, timezone) VALUES (:zip, 'Phoenix', 'AZ', 'America/Phoenix')"
                ),
                {"zip": zip_code},
            )
    result = runner.invoke(args=["demo", "seed"])
    assert result.exit_code == 0, result.output
    with database.begin() as connection:
        told = connection.execute(
            text(
                "SELECT (SELECT count(*) FROM bookings), (SELECT sum(viewed) FROM funnel_daily WHERE step = 'done'),"
                " (SELECT count(*) FROM bookings WHERE servicetitan_job_id IS NULL), (SELECT count(*) FROM time_slots"
                " WHERE booking_id IS NOT NULL AND available), (SELECT count(*) FROM bookings WHERE status = 'completed' AND window_end > now()),"
                " (SELECT count(*) FROM analytics_events WHERE event_type = 'booking_submitted' AND booking_id IS NULL),"
                " (SELECT count(*) FROM slot_capacity WHERE taken > capacity)"
            )
        ).one()
    assert told[0] == told[1] > 150
    assert tuple(told)[2:] == (1, 0, 0, 0, 0)
    refused = runner.invoke(args=["demo", "seed"], input="n\n")
    assert refused.exit_code == 1
    assert "Add invented ones beside them?" in refused.output
    assert "days recomputed" in runner.invoke(args=["reports", "refresh"]).output
