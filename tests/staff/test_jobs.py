"""What is stuck, why, and trying it again."""

import uuid

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.config import Settings
from app.models.staff import Role
from tests.pages import PageClient
from tests.staff.office import book, enter, fail_create, follow, send, value


def test_a_delivery_that_was_given_up_is_tried_again(
    client: PageClient, session: Session, settings: Settings
) -> None:
    job = fail_create(session, book(session, settings))
    enter(client, session, Role.DISPATCHER)
    assert "Given up after 1 try: create job: 400 (customerId)" in client.get("/staff/jobs").text
    page = follow(client, send(client, f"/staff/jobs/{job}/retry"))
    assert "It will be tried again within seconds." in page
    assert "Nothing needs you" in page
    row = session.execute(text("SELECT status, attempts FROM queue_jobs WHERE id = :id"), {"id": job}).one()
    assert tuple(row) == ("pending", 0)
    assert value(session, "SELECT object FROM audit_log WHERE action = 'job_retry'") == f"job:{job}"


def test_a_delivery_on_its_way_is_left_alone(
    client: PageClient, session: Session, settings: Settings
) -> None:
    book(session, settings)
    job = value(session, "SELECT id FROM queue_jobs LIMIT 1")
    enter(client, session)
    assert "has not been given up" in follow(client, send(client, f"/staff/jobs/{job}/retry"))
    assert not value(session, "SELECT count(*) FROM audit_log WHERE action = 'job_retry'")


def test_an_unknown_delivery_is_not_found(client: PageClient, session: Session) -> None:
    enter(client, session)
    assert send(client, f"/staff/jobs/{uuid.uuid4()}/retry").status_code == 404


@pytest.mark.parametrize("back", ["https://evil.example", "//evil.example", "/book"])
def test_a_retry_leads_back_to_staff_pages_only(
    client: PageClient, session: Session, settings: Settings, back: str
) -> None:
    job = fail_create(session, book(session, settings))
    enter(client, session)
    assert send(client, f"/staff/jobs/{job}/retry", back=back).headers["Location"] == "/staff/jobs"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            "scheduled_at = now() - interval '1 hour', created_at = now() - interval '1 hour'",
            "Waiting for its turn",
        ),
        ("attempts = 4, error_msg = 'token: 503'", "4 tries did not work, next one follows: token: 503"),
    ],
)
def test_what_waits_too_long_or_keeps_failing_needs_a_look(
    client: PageClient, session: Session, settings: Settings, change: str, reason: str
) -> None:
    reference = book(session, settings)
    enter(client, session)
    assert "Nothing needs you" in client.get("/staff/jobs").text
    session.execute(text(f"UPDATE queue_jobs SET {change} WHERE job_type = 'servicetitan.create_job'"))
    page = client.get("/staff/jobs").text
    assert reference in page
    assert reason in page


def test_a_provider_that_does_not_answer_is_the_reason(
    client: PageClient, session: Session, settings: Settings
) -> None:
    book(session, settings)
    session.execute(text("INSERT INTO provider_health (provider, state) VALUES ('servicetitan', 'open')"))
    enter(client, session)
    assert "the provider does not answer" in client.get("/staff/jobs?show=waiting").text
    assert "Paused" in client.get("/staff/operations").text


def test_done_and_given_up_have_lists_of_their_own(
    client: PageClient, session: Session, settings: Settings
) -> None:
    reference = book(session, settings)
    session.execute(text("UPDATE queue_jobs SET status = 'completed', outcome = 'ok', completed_at = now()"))
    enter(client, session)
    assert reference in client.get("/staff/jobs?show=done").text
    assert "Nothing here" in client.get("/staff/jobs?show=failed").text
    assert "Nothing needs you" in client.get("/staff/jobs?show=nonsense").text
