"""A whole visit, as a person goes through it."""

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.factories import add_week
from tests.pages import PageClient, Walk

STEPS = ["zip", "issue", "doors", "ownership", "slot", "contact", "review"]


def events_of(session: Session, walk_type: str) -> list[str]:
    rows = session.execute(
        text(
            "SELECT event_data ->> 'step' FROM analytics_events WHERE event_type = :t ORDER BY created_at, id"
        ),
        {"t": walk_type},
    )
    return list(rows.scalars())


@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain forms"])
def test_a_straight_walk_books_and_records_each_step_once(
    client: PageClient, session: Session, htmx: bool
) -> None:
    add_week(session)
    walk = Walk(client, htmx=htmx).start("utm_source=Google&utm_medium=cpc&gclid=Abc-123").to("done")
    booking = session.execute(text("SELECT * FROM bookings")).one()
    assert (booking.status, booking.booking_source, booking.contact_email) == (
        "pending",
        "paid_search",
        "ana@example.com",
    )
    assert booking.contact_phone == "+16025550123"
    assert booking.attribution["last"]["gclid"] == "Abc-123"
    assert f'data-reference="{booking.reference}"' in walk.html
    assert 'data-status="received"' in walk.html
    assert sorted(events_of(session, "step_viewed")) == sorted([*STEPS, "done"])
    assert sorted(events_of(session, "step_completed")) == sorted(STEPS)
    assert events_of(session, "booking_submitted") == ["review"]


def test_submit_writes_everything_that_must_leave_the_house(client: PageClient, session: Session) -> None:
    add_week(session)
    Walk(client).start().to("done")
    jobs = session.execute(text("SELECT job_type, status FROM queue_jobs ORDER BY job_type")).all()
    assert [job.job_type for job in jobs] == [
        "klaviyo.send_event",
        "servicetitan.create_job",
        "twilio.send_sms",
    ]
    assert session.execute(text("SELECT count(*) FROM notifications")).scalar_one() == 2
    assert session.execute(text("SELECT action, method FROM consents")).all() == [("opt_in", "web")]
    assert session.execute(text("SELECT count(*) FROM manage_links")).scalar_one() == 1


def test_without_opt_in_no_text_message_is_queued(client: PageClient, session: Session) -> None:
    add_week(session)
    Walk(client).start().to("done", contact={"sms_opt_in": ""})
    types = session.execute(text("SELECT type FROM notifications")).scalars().all()
    assert types == ["email"]
    assert session.execute(text("SELECT count(*) FROM consents")).scalar_one() == 0
