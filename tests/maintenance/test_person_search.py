"""The office and an erasure look people up by what they typed: by an index of the month, never by reading the month."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from app import clock
from app.maintenance.privacy import person
from app.staff import booking_search
from tests.factories import add_area

PEOPLE = (
    "INSERT INTO customers (first_name, last_name, email, phone)"
    " SELECT 'A', 'B', 'c' || i || '@example.com', '+1602555' || lpad(i::text, 4, '0') FROM generate_series(1, 3000) i"
)
BOOKINGS = (
    "INSERT INTO bookings (customer_id, service_area_id, issue_type, door_count, homeowner_status, preferred_time, window_end,"
    " address_line1, contact_email, contact_phone) SELECT id, :area, 'other', 1, 'owner', now(), now() + interval '2 hours',"
    " '1 Street', email, phone FROM customers"
)


@pytest.fixture
def busy(app: Flask, owner: Engine) -> Iterator[Session]:
    """A month of bookings that the planner knows of; nothing of it stays."""
    with owner.connect() as connection:
        outer = connection.begin()
        session = Session(connection, join_transaction_mode="create_savepoint")
        area = add_area(session, "85077")
        session.execute(text(PEOPLE))
        session.execute(text(BOOKINGS), {"area": area})
        session.execute(text("ANALYZE bookings"))
        session.execute(text("ANALYZE customers"))
        yield session
        session.close()
        outer.rollback()
    assert app


def read_by(session: Session, query: str, values: dict[str, object]) -> str:
    """The plan's words on this month."""
    month = session.execute(text("SELECT 'bookings_' || to_char(now(), 'YYYY_MM')")).scalar_one()
    plan = session.execute(text(f"EXPLAIN {query}"), values).scalars()
    return "\n".join(line.strip() for line in plan if month in line)


@pytest.mark.parametrize(
    ("given", "index"),
    [({"email": "c7@example.com"}, "contact_email_idx"), ({"phone": "+16025550007"}, "contact_phone_idx")],
)
def test_the_office_finds_a_person_by_index(busy: Session, given: dict[str, str], index: str) -> None:
    values: dict[str, object] = {
        "email": None,
        "phone": None,
        "before": None,
        "size": 51,
        "since": clock.now() - booking_search.SEARCHED,
    } | given
    plan = read_by(busy, booking_search.BY_CONTACT.text, values)
    assert index in plan, plan
    assert "Seq Scan" not in plan, plan


def test_an_erasure_finds_a_person_by_index(busy: Session) -> None:
    plan = read_by(busy, person.BOOKINGS, {"email": "c7@example.com", "customers": [], "until": None})
    assert "contact_email_idx" in plan, plan
    assert "Seq Scan" not in plan, plan


@pytest.mark.parametrize("words", ["c7@example.com", "C7@Example.com", "(602) 555-0007", "+1 602 555 0007"])
def test_every_spelling_finds_the_one_booking(busy: Session, words: str) -> None:
    (row,) = booking_search.search_contact(busy, words, None).rows
    assert row.contact_phone == "+16025550007"


def test_a_customers_own_address_finds_a_booking_that_was_made_for_another(busy: Session) -> None:
    busy.execute(
        text("UPDATE bookings SET contact_email = 'son@example.com' WHERE contact_email = 'c7@example.com'")
    )
    for words in ("c7@example.com", "son@example.com"):
        assert len(booking_search.search_contact(busy, words, None).rows) == 1
