"""A booking's status follows its edges only, and each is written down with who and why."""

import uuid
from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking import status
from app.models.booking import BookingStatus
from tests.factories import add_area

Change = Callable[[Session, uuid.UUID], bool]

CHANGES: dict[str, Change] = {
    "confirmed": lambda session, booking_id: status.confirm(session, booking_id, actor="servicetitan"),
    "cancelled": lambda session, booking_id: status.cancel(
        session, booking_id, actor="visitor", reason="x" * 400
    ),
    "completed": lambda session, booking_id: status.complete(session, booking_id, actor="servicetitan"),
}
ALLOWED = {
    ("pending", "confirmed"),
    ("pending", "cancelled"),
    ("confirmed", "cancelled"),
    ("confirmed", "completed"),
}


def add_booking(session: Session, at: str) -> uuid.UUID:
    return session.execute(
        text(
            "WITH who AS (INSERT INTO customers (first_name, last_name, email, phone)"
            " VALUES ('Pat', 'Jones', 'pat@example.com', '+16025550123') RETURNING id)"
            " INSERT INTO bookings (customer_id, service_area_id, issue_type, door_count, homeowner_status, preferred_time,"
            " window_end, address_line1, status)"
            " SELECT id, :area, 'other', 1, 'owner', now(), now() + interval '2 hours', '12 Oak Street', :at FROM who RETURNING id"
        ),
        {"area": add_area(session), "at": at},
    ).scalar_one()


@pytest.mark.parametrize("source", list(BookingStatus))
@pytest.mark.parametrize("target", list(CHANGES))
def test_only_the_agreed_edges_change_anything(session: Session, source: str, target: str) -> None:
    booking_id = add_booking(session, source)
    allowed = (source, target) in ALLOWED
    assert CHANGES[target](session, booking_id) is allowed
    row = session.execute(
        text("SELECT status, version FROM bookings WHERE id = :id"), {"id": booking_id}
    ).one()
    assert row.status == (target if allowed else source)
    assert row.version == (2 if allowed and target == "cancelled" else 1)
    edges = session.execute(text("SELECT from_status, to_status FROM booking_status_history")).all()
    assert edges == ([(source, target)] if allowed else [])


def test_who_and_why_are_kept_cut_to_what_fits(session: Session) -> None:
    CHANGES["cancelled"](session, add_booking(session, "pending"))
    row = session.execute(text("SELECT actor, reason FROM booking_status_history")).one()
    assert (row.actor, row.reason) == ("visitor", "x" * 300)


def test_a_booking_nobody_knows_changes_nothing(session: Session) -> None:
    assert not status.confirm(session, uuid.uuid4(), actor="servicetitan")
