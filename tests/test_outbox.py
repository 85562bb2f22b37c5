"""What must leave the house is written with the booking, once, and in the order it was asked for."""

import uuid
from datetime import timedelta

import pytest
import structlog
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from app import outbox
from app.outbox import RULES, JobType, NewJob


def jobs(session: Session) -> list[dict[str, object]]:
    return [dict(row) for row in session.execute(text("SELECT * FROM queue_jobs ORDER BY seq")).mappings()]


def sync(key: str = "slots.sync:1", **changes: object) -> NewJob:
    values: dict[str, object] = {
        "job_type": JobType.SYNC_SLOTS,
        "booking_id": None,
        "dedupe_key": key,
        "payload": {"a": 1},
    }
    return NewJob(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("job_type", list(JobType))
def test_a_job_gets_the_rules_of_its_type(session: Session, job_type: JobType) -> None:
    outbox.add(session, sync(job_type=job_type, due_in=timedelta(minutes=5)))
    (row,) = jobs(session)
    rules = RULES[job_type]
    assert (row["queue_name"], row["priority"], row["max_attempts"]) == (
        rules.queue,
        rules.priority,
        rules.max_attempts,
    )
    assert row["status"] == "pending"
    assert row["payload"] == {"a": 1}
    assert row["scheduled_at"] - row["created_at"] == timedelta(minutes=5)
    assert row["deadline_at"] - row["scheduled_at"] == rules.give_up_after


def test_a_replay_adds_nothing_and_a_later_version_does(session: Session) -> None:
    booking_id = uuid.uuid4()
    first, second = (outbox.dedupe_key(JobType.CANCEL_JOB, booking_id, version) for version in (1, 2))
    outbox.add(session, sync(first))
    outbox.add(session, sync(first), sync(second))
    assert [row["dedupe_key"] for row in jobs(session)] == [first, second]


def test_many_jobs_are_one_statement_in_the_order_given(session: Session) -> None:
    statements: list[str] = []
    connection = session.connection()
    event.listen(connection, "before_cursor_execute", lambda *given: statements.append(given[2]))
    outbox.add(session, *(sync(f"key {number}") for number in range(5)))
    outbox.add(session)
    assert len(statements) == 1
    assert [row["dedupe_key"] for row in jobs(session)] == [f"key {number}" for number in range(5)]


def test_the_request_that_asked_for_it_is_known_later(session: Session) -> None:
    with structlog.contextvars.bound_contextvars(request_id="req-1"):
        outbox.add(session, sync())
    assert jobs(session)[0]["request_id"] == "req-1"


def test_only_a_dead_letter_can_be_retried_and_it_keeps_its_keys(session: Session) -> None:
    outbox.add(session, sync())
    (row,) = jobs(session)
    assert not outbox.retry(session, row["id"])
    session.execute(
        text(
            "UPDATE queue_jobs SET status = 'failed', outcome = 'exhausted', attempts = 3, completed_at = now(),"
            " provider_ref = '{\"customer_id\": \"7\"}', deadline_at = now() - interval '1 day'"
        )
    )
    assert outbox.retry(session, row["id"])
    (again,) = jobs(session)
    assert (again["status"], again["attempts"], again["outcome"]) == ("pending", 0, None)
    assert (again["id"], again["provider_ref"]) == (row["id"], {"customer_id": "7"})
    assert again["deadline_at"] > again["scheduled_at"]
    assert not outbox.retry(session, uuid.uuid4())
