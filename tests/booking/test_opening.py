"""Windows that staff open and close: local time, counters, and what survives it."""

from datetime import UTC, date, datetime, time

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking import opening
from app.booking.opening import Closed, Opened, OpeningRefused, Window
from tests.factories import add_area

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DAY = date(2026, 12, 1)
EIGHT = Window("85004", DAY, time(8), time(10))


def open_it(session: Session, window: Window = EIGHT) -> Opened:
    """Open a window as staff do."""
    return opening.open_window(session, window, unit=1011, now=NOW)


def only(session: Session) -> dict[str, object]:
    """The one window there is, with its counter."""
    row = session.execute(
        text(
            "SELECT * FROM time_slots s LEFT JOIN slot_capacity c ON c.external_slot_id = s.external_slot_id"
        )
    ).mappings()
    return dict(row.one())


def test_a_window_is_local_to_its_area_and_has_its_own_counter(session: Session) -> None:
    add_area(session)
    assert open_it(session) is Opened.NEW
    row = only(session)
    assert row["starts_at"] == datetime(2026, 12, 1, 15, tzinfo=UTC)
    assert row["ends_at"] == datetime(2026, 12, 1, 17, tzinfo=UTC)
    assert row["external_slot_id"] == "loc1:1011:85004:20261201T150000Z:20261201T170000Z"
    assert (row["available"], row["capacity"], row["taken"]) == (True, 1, 0)


def test_opening_twice_changes_nothing_but_the_capacity(session: Session) -> None:
    add_area(session)
    open_it(session)
    assert open_it(session, Window("85004", DAY, time(8), time(10), capacity=3)) is Opened.ALREADY
    assert only(session)["capacity"] == 3


def test_a_closed_window_opens_again(session: Session) -> None:
    add_area(session)
    open_it(session)
    assert opening.close_window(session, EIGHT, unit=1011) == Closed(1, 0)
    assert only(session)["closed_reason"] == "staff"
    assert not only(session)["available"]
    assert open_it(session) is Opened.AGAIN
    assert (only(session)["available"], only(session)["closed_reason"]) == (True, None)


def test_a_window_nobody_knows_yet_is_kept_closed(session: Session) -> None:
    add_area(session)
    assert opening.close_window(session, EIGHT, unit=1011) == Closed(1, 0)
    assert (only(session)["available"], only(session)["closed_reason"]) == (False, "staff")


def add_provider_window(session: Session, *, closed: str | None = None) -> None:
    """Add a window of the provider that ends at eleven."""
    area = add_area(session)
    session.execute(text("INSERT INTO slot_capacity VALUES ('ac1:x', 4, 1)"))
    session.execute(
        text(
            "INSERT INTO time_slots (service_area_id, slot_date, slot_time, starts_at, ends_at, available, closed_reason, external_slot_id)"
            " VALUES (:area, '2026-12-01', '08:00', '2026-12-01T15:00Z', '2026-12-01T18:00Z', :open, :closed, 'ac1:x')"
        ),
        {"area": area, "open": closed is None, "closed": closed},
    )


def test_a_window_of_the_provider_keeps_its_end_and_counter(session: Session) -> None:
    add_provider_window(session, closed="staff")
    assert open_it(session) is Opened.AGAIN
    row = only(session)
    assert (row["external_slot_id"], row["capacity"], row["available"]) == ("ac1:x", 4, True)
    assert row["ends_at"] == datetime(2026, 12, 1, 18, tzinfo=UTC)
    assert open_it(session) is Opened.ALREADY


def test_a_window_the_provider_withdrew_becomes_ours(session: Session) -> None:
    add_provider_window(session, closed="withdrawn")
    assert open_it(session) is Opened.AGAIN
    row = only(session)
    assert row["external_slot_id"] == "loc1:1011:85004:20261201T150000Z:20261201T170000Z"
    assert (row["capacity"], row["available"]) == (1, True)


def test_closing_ends_holds_and_keeps_bookings(session: Session) -> None:
    area = add_area(session)
    for hour in (8, 10):
        open_it(session, Window("85004", DAY, time(hour)))
    partner = session.execute(text("SELECT id FROM partners")).scalar_one()
    visit = session.execute(
        text("INSERT INTO wizard_sessions (partner_id) VALUES (:partner) RETURNING id"), {"partner": partner}
    ).scalar_one()
    held, booked = session.execute(text("SELECT id FROM time_slots ORDER BY slot_time")).scalars()
    session.execute(
        text(
            "UPDATE time_slots SET held_by = :visit, held_until = now() + interval '5 min', held_addr = 'x' WHERE id = :id"
        ),
        {"visit": visit, "id": held},
    )
    claim = text("SELECT booking_id FROM claim_slot(:id, :area, :visit, interval '0')")
    assert session.execute(claim, {"id": booked, "area": area, "visit": visit}).scalar_one()
    assert opening.close_day(session, "85004", DAY) == Closed(1, 1)
    assert (
        session.execute(
            text("SELECT count(*) FROM time_slots WHERE held_by IS NULL AND closed_reason = 'staff'")
        ).scalar()
        == 2
    )
    assert open_it(session, Window("85004", DAY, time(10))) is Opened.BOOKED
    assert opening.open_day(session, "85004", DAY, now=NOW) == 1
    rows = session.execute(
        text("SELECT available, booking_id IS NULL FROM time_slots ORDER BY slot_time")
    ).all()
    assert [tuple(row) for row in rows] == [(True, True), (False, False)]
    session.execute(text("UPDATE time_slots SET booking_id = NULL"))


def test_an_hour_the_clock_skips_is_refused(session: Session) -> None:
    add_area(session, timezone="America/Denver")
    spring = date(2027, 3, 14)
    with pytest.raises(OpeningRefused, match="does not exist"):
        open_it(session, Window("85004", spring, time(2, 30)))
    assert open_it(session, Window("85004", spring, time(3))) is Opened.NEW


def test_an_hour_that_comes_twice_is_taken_once(session: Session) -> None:
    add_area(session, timezone="America/Denver")
    autumn = Window("85004", date(2027, 11, 7), time(1))
    assert open_it(session, autumn) is Opened.NEW
    assert open_it(session, autumn) is Opened.ALREADY
    assert only(session)["starts_at"] == datetime(2027, 11, 7, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "says"),
    [
        (Window("99999", DAY, time(8)), "not one of our service areas"),
        (Window("85004", DAY, time(8), time(8)), "must end after it starts"),
        (Window("85004", DAY, time(8), capacity=0), "at least 1"),
        (Window("85004", date(2026, 11, 1), time(8)), "has begun already"),
    ],
)
def test_what_cannot_be_is_refused(session: Session, window: Window, says: str) -> None:
    add_area(session)
    with pytest.raises(OpeningRefused, match=says):
        open_it(session, window)
