"""What the office sees of the machinery: each provider, what waits for it, and an alarm when it waits too long."""

import re
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.config import Settings
from app.models.staff import Role
from tests.pages import PageClient
from tests.staff.office import add_staff, book, enter, fail_create, follow, log_in, send, value

ALARM = "Deliveries are stuck:"
ADD = "INSERT INTO provider_health (provider, state, failures, opened_at, next_probe_at, recent, calls, last_ok_at, last_failure_at,"
ADD += " last_outcome, last_reason) VALUES (:provider, :state, 6, :opened, :probe, :recent, :calls, now() - interval '2 hours',"
ADD += " now() - interval '3 minutes', 'uncertain', 'jobs.create: 503')"


def add_health(session: Session, **differs: Any) -> None:
    """Write a provider's row; moments are given in minutes from now."""
    values = {
        "provider": "servicetitan",
        "state": "open",
        "opened": -12,
        "probe": 2,
        "recent": 0b111,
        "calls": 20,
    } | differs
    for name in ("opened", "probe"):
        minutes = values[name]
        values[name] = (
            None
            if minutes is None
            else value(session, "SELECT now() + make_interval(mins => :by)", by=minutes)
        )
    session.execute(text(ADD), values)


def card(client: PageClient, title: str) -> str:
    """Return one provider's card of the operations page."""
    page = client.get("/staff/operations").text
    return next(part for part in page.split('<li class="card') if f"<h3>{title}</h3>" in part).split("</li>")[
        0
    ]


def make_due(session: Session, minutes: int) -> None:
    session.execute(
        text(
            "UPDATE queue_jobs SET scheduled_at = now() - make_interval(mins => :by) WHERE job_type LIKE 'servicetitan.c%'"
        ),
        {"by": minutes},
    )


def test_a_provider_that_is_paused_says_since_when_why_and_until_when(
    client: PageClient, session: Session, settings: Settings
) -> None:
    book(session, settings)
    add_health(session)
    make_due(session, 12)
    enter(client, session)
    shown = card(client, "ServiceTitan")
    for words in ("Paused", "12 min ago", "in 1 min", "2 h ago", "3 min ago", "Uncertain: jobs.create: 503"):
        assert words in shown, words
    assert "3 of the last 20 calls failed" in shown
    assert shown.count('<i class="bad">') == 3
    assert shown.count("<i") == 20
    assert re.search(r'Oldest due</dt>\s*<dd class="late">', shown)


@pytest.mark.parametrize(
    ("differs", "words"),
    [
        ({"state": "closed", "opened": None, "probe": None, "recent": 0}, "Answers"),
        ({"state": "closed", "opened": None, "probe": 1}, "Asked us to slow down"),
        ({"state": "half_open"}, "Being tried"),
    ],
)
def test_each_state_has_its_words(
    client: PageClient, session: Session, differs: dict[str, Any], words: str
) -> None:
    add_health(session, **differs)
    enter(client, session)
    assert words in card(client, "ServiceTitan")


def test_a_provider_that_was_never_called_has_a_card_too(client: PageClient, session: Session) -> None:
    enter(client, session)
    for title in ("Klaviyo", "ServiceTitan", "Twilio"):
        assert "Not called yet" in card(client, title)


def test_the_first_answers_are_shown_oldest_first(client: PageClient, session: Session) -> None:
    add_health(session, state="closed", opened=None, probe=None, recent=0b100, calls=3)
    enter(client, session)
    assert re.search(r'<i class="bad"></i>\s*<i></i>\s*<i></i>', card(client, "ServiceTitan"))


@pytest.mark.parametrize("page", ["", "bookings", "jobs", "operations", "leads"])
def test_every_page_sounds_the_alarm_when_deliveries_are_ten_minutes_late(
    client: PageClient, session: Session, settings: Settings, page: str
) -> None:
    book(session, settings)
    enter(client, session)
    make_due(session, 9)
    assert ALARM not in client.get(f"/staff/{page}").text
    make_due(session, 11)
    shown = client.get(f"/staff/{page}").text
    assert ALARM in shown
    assert "the oldest for 11 min" in shown


def test_a_delivery_that_is_done_given_up_or_not_yet_due_sounds_no_alarm(
    client: PageClient, session: Session, settings: Settings
) -> None:
    reference = book(session, settings)
    enter(client, session)
    fail_create(session, reference)
    make_due(session, 60)
    assert ALARM not in client.get("/staff/").text


def test_nobody_who_is_not_logged_in_hears_it(
    client: PageClient, session: Session, settings: Settings
) -> None:
    book(session, settings)
    make_due(session, 60)
    assert ALARM not in client.get("/staff/login").text


def fail_many(
    session: Session, settings: Settings, count: int, reason: str = "transient: jobs.find: 503"
) -> None:
    """Let the deliveries of so many bookings be given up."""
    for number in range(count):
        reference = book(session, settings, hour=8 + number, email=f"p{number}@example.com")
        job = fail_create(session, reference, reason)
        session.execute(
            text("UPDATE queue_jobs SET outcome = 'deadline', attempts = 9 WHERE id = :id"), {"id": job}
        )


def test_all_that_was_given_up_for_one_reason_is_tried_again_with_one_button(
    client: PageClient, session: Session, settings: Settings
) -> None:
    fail_many(session, settings, 3)
    other = fail_create(session, book(session, settings, hour=14, email="other@example.com"))
    enter(client, session, Role.DISPATCHER)
    page = client.get("/staff/jobs").text
    assert "3 to ServiceTitan" in page
    assert "Yes, try all 3 again" in page
    fields = {"provider": "servicetitan", "outcome": "deadline", "reason": "transient: jobs.find: 503"}
    page = follow(client, send(client, "/staff/jobs/retry-all", **fields))
    assert "3 deliveries to ServiceTitan will be tried again" in page
    rows = session.execute(
        text(
            "SELECT attempts, outcome, deadline_at > now() FROM queue_jobs WHERE job_type = 'servicetitan.create_job' AND status = 'pending'"
        )
    ).all()
    assert [tuple(row) for row in rows] == [(0, None, True)] * 3
    assert value(session, "SELECT status FROM queue_jobs WHERE id = :id", id=other) == "failed"
    line = session.execute(text("SELECT object, reason FROM audit_log WHERE action = 'jobs_retry'")).one()
    assert tuple(line) == ("jobs:servicetitan:deadline", "3 jobs: transient: jobs.find: 503")
    assert "Nothing was done" in follow(client, send(client, "/staff/jobs/retry-all", **fields))


def test_messages_about_a_visit_that_is_over_are_not_sent_by_the_dozen(
    client: PageClient, session: Session, settings: Settings
) -> None:
    fail_many(session, settings, 2)
    session.execute(
        text(
            "UPDATE bookings SET preferred_time = now() - interval '5 hours', window_end = now() - interval '3 hours'"
        )
    )
    enter(client, session)
    assert "Given up for the same reason" not in client.get("/staff/jobs").text
    fields = {"provider": "servicetitan", "outcome": "deadline", "reason": "transient: jobs.find: 503"}
    assert "Nothing was done" in follow(client, send(client, "/staff/jobs/retry-all", **fields))


def test_a_viewer_may_look_and_not_send(client: PageClient, session: Session, settings: Settings) -> None:
    fail_many(session, settings, 2)
    enter(client, session, Role.VIEWER)
    assert "try all" not in client.get("/staff/jobs").text.lower()
    assert send(client, "/staff/jobs/retry-all", provider="servicetitan").status_code == 403


def test_sending_again_takes_the_word_of_our_own_form(
    client: PageClient, session: Session, settings: Settings
) -> None:
    fail_many(session, settings, 2)
    add_staff(session, Role.DISPATCHER)
    log_in(client, "dispatcher@example.com")
    assert client.post("/staff/jobs/retry-all", data={"provider": "servicetitan"}).status_code == 403


def test_what_is_missing_in_servicetitan_says_when_it_is_tried_next(
    client: PageClient, session: Session, settings: Settings
) -> None:
    book(session, settings)
    add_health(session)
    enter(client, session)
    page = client.get("/staff/").text
    assert "Waiting: the provider does not answer (jobs.create: 503)" in page
    assert "in 1 min" in page
