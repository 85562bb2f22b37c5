"""Staff see whether the data is as it must be, and get to the bookings where it is not; monitors and doctor see it too."""

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.config import Settings
from app.maintenance import task_runs
from app.maintenance.integrity import looking
from app.maintenance.integrity.checks import CHECKS
from app.models.staff import Role
from tests.pages import PageClient
from tests.staff.office import book, enter

ALL = f"all {len(CHECKS)} invariants hold"
DEFAULTS = Settings("", "", "", "")
BREAK = "UPDATE slot_capacity SET taken = taken - 1"
BREAK_ONE = "DELETE FROM booking_submissions"


@pytest.fixture(autouse=True)
def fresh_reports(session: Session) -> None:
    session.execute(text("UPDATE report_state SET refreshed_at = now() WHERE isfinite(refreshed_at)"))


def look(session: Session) -> None:
    """What the nightly task does."""
    run_id = task_runs.start(session, looking.TASK)
    broken = looking.look(lambda work: work(session), looking.scope(session, DEFAULTS))
    task_runs.end(session, run_id, ok=True, figures=looking.to_figures(broken))
    session.commit()


def test_before_the_first_look_nothing_is_claimed(client: PageClient, session: Session) -> None:
    enter(client, session, Role.VIEWER)
    assert "Have not been looked at yet" in client.get("/staff/operations").text
    assert "They have not been looked at yet" in client.get("/staff/integrity").text


def test_all_is_well(client: PageClient, session: Session, settings: Settings) -> None:
    enter(client, session, Role.VIEWER)
    book(session, settings)
    look(session)
    assert ALL.capitalize() in client.get("/staff/operations").text
    page = client.get("/staff/integrity").text
    assert page.count(">Holds<") == len(CHECKS)
    assert f"all {len(CHECKS)} hold" in page


def test_what_is_broken_leads_to_its_booking(
    client: PageClient, session: Session, settings: Settings
) -> None:
    enter(client, session, Role.VIEWER)
    reference = book(session, settings)
    session.execute(text(BREAK))
    session.execute(text(BREAK_ONE))
    look(session)
    operations = client.get("/staff/operations").text
    assert f"2 of {len(CHECKS)} invariants are broken: submissions (1), counters (1)" in operations
    assert 'href="/staff/integrity"' in operations
    assert "{" not in operations.split("Tasks that run by themselves")[1], (
        "figures of broken ones are not dumped"
    )
    page = client.get("/staff/integrity").text
    assert page.count(">Broken<") == 2
    assert f'href="/staff/bookings/{reference}"' in page


def test_an_old_look_counts_for_nothing(client: PageClient, session: Session) -> None:
    enter(client, session, Role.VIEWER)
    look(session)
    session.execute(
        text("UPDATE task_runs SET finished_at = now() - interval '3 days' WHERE name = 'integrity'")
    )
    page = client.get("/staff/operations").text.split("<b>Invariants</b>")[1]
    assert page.index("Look at this") < page.index("</li>")


def test_monitors_see_what_is_broken(client: PageClient, session: Session, settings: Settings) -> None:
    def figures() -> str:
        headers = {"Authorization": f"Bearer {settings.metrics_token}"}
        return "\n".join(
            line
            for line in client.get("/metrics", headers=headers).text.splitlines()
            if line.startswith("a1_invariant_violations")
        )

    book(session, settings)
    look(session)
    assert figures() == ""
    session.execute(text(BREAK))
    look(session)
    assert figures() == 'a1_invariant_violations{check="counters",severity="page"} 1.0'


def test_doctor_has_a_line_for_it(app: Flask, session: Session, settings: Settings) -> None:
    def line() -> str:
        out = app.test_cli_runner().invoke(args=["doctor"]).output
        return next(line for line in out.splitlines() if "integrity" in line)

    book(session, settings)
    session.commit()
    assert line() == f"ok    integrity    {ALL}"
    session.execute(text(BREAK))
    session.commit()
    assert line().startswith(f"FAIL  integrity    1 of {len(CHECKS)} invariants are broken: counters (1)")


def test_on_demand_the_shell_says_where_and_the_page_shows_it(
    app: Flask, client: PageClient, session: Session, settings: Settings
) -> None:
    enter(client, session, Role.VIEWER)
    reference = book(session, settings)
    session.commit()
    run = app.test_cli_runner()
    assert run.invoke(args=["integrity", "check", "--all"]).exit_code == 0
    session.execute(text(BREAK_ONE))
    session.commit()
    done = run.invoke(args=["integrity", "check"])
    assert done.exit_code == 1
    assert f"1 found: {reference}" in done.output
    assert ">Broken<" in client.get("/staff/integrity").text
