"""A message is two rows in the caller's transaction, once, and none of them says who it is for."""

import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.orm import Session

from app.notifications import queue, recipients
from app.notifications.queue import MessageKind
from tests.factories import add_area

KEY = "a-key-for-tests"
PHONE, EMAIL = "+16025550123", "pat@example.com"


def add_booking(session: Session) -> uuid.UUID:
    return session.execute(
        text(
            "WITH who AS (INSERT INTO customers (first_name, last_name, email, phone) VALUES ('Pat', 'Jones', :email, :phone)"
            " RETURNING id) INSERT INTO bookings (customer_id, service_area_id, issue_type, door_count, homeowner_status,"
            " preferred_time, window_end, address_line1)"
            " SELECT id, :area, 'other', 1, 'owner', now(), now() + interval '2 hours', '12 Oak Street' FROM who RETURNING id"
        ),
        {"area": add_area(session), "email": EMAIL, "phone": PHONE},
    ).scalar_one()


def add(session: Session, booking_id: uuid.UUID, **changes: Any) -> None:
    given: dict[str, Any] = {
        "version": 1, "locale": "en", "kind": MessageKind.CONFIRMATION, "sms": True, "phone": PHONE, "email": EMAIL,
        "privacy_key": KEY, "due_in": timedelta(minutes=5),
    }  # fmt: skip
    queue.add(session, booking_id=booking_id, **(given | changes))


def pairs(session: Session) -> list[Any]:
    sql = (
        "SELECT n.*, q.queue_name, q.job_type, q.payload, q.scheduled_at, q.dedupe_key AS job_key, q.booking_id AS job_booking"
        " FROM notifications n JOIN queue_jobs q ON q.payload ->> 'notification_id' = n.id::text ORDER BY n.type, q.seq"
    )
    return list(session.execute(text(sql)))


def test_a_message_is_queued_on_each_channel_that_was_agreed_to(session: Session) -> None:
    booking_id = add_booking(session)
    add(session, booking_id)
    email, sms = pairs(session)
    assert (email.type, email.provider, email.job_type) == ("email", "klaviyo", "klaviyo.send_event")
    assert (sms.type, sms.provider, sms.job_type) == ("sms", "twilio", "twilio.send_sms")
    for row in (email, sms):
        assert (row.status, row.template, row.queue_name) == ("pending", "confirmation", "notify")
        assert row.job_booking == booking_id
        assert row.payload["version"] == 1
        assert row.due_at == row.scheduled_at == row.created_at + timedelta(minutes=5)


def test_without_opt_in_there_is_no_text(session: Session) -> None:
    add(session, add_booking(session), sms=False)
    assert [row.type for row in pairs(session)] == ["email"]


def test_it_is_one_statement_and_a_replay_adds_nothing(session: Session) -> None:
    booking_id = add_booking(session)
    statements: list[str] = []
    event.listen(session.connection(), "before_cursor_execute", lambda *given: statements.append(given[2]))
    add(session, booking_id)
    assert len(statements) == 1
    add(session, booking_id)
    assert len(pairs(session)) == 2
    add(session, booking_id, kind=MessageKind.MOVED, version=2)
    add(session, booking_id, kind=MessageKind.MOVED, version=3)
    assert len(pairs(session)) == 6


def test_the_recipient_is_a_keyed_hash_and_never_in_clear(session: Session) -> None:
    add(session, add_booking(session))
    email, sms = pairs(session)
    assert bytes(sms.recipient_hash) == recipients.phone_hash(PHONE, KEY)
    assert email.recipient_hash != sms.recipient_hash
    for row in (email, sms):
        assert PHONE not in str(row)
        assert EMAIL not in str(row)
