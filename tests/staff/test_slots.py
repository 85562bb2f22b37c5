"""The board of arrival windows."""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.config import Settings
from app.models.staff import Role
from app.staff import days
from tests.factories import add_area, add_slot
from tests.pages import PageClient
from tests.staff.office import book, enter, follow, send, value


def test_a_day_shows_what_is_open_sold_and_closed(
    client: PageClient, session: Session, settings: Settings
) -> None:
    reference = book(session, settings)
    area = value(session, "SELECT id FROM service_areas")
    add_slot(session, area, hour=10)
    add_slot(session, area, hour=12)
    session.execute(
        text("UPDATE time_slots SET available = false, closed_reason = 'staff' WHERE slot_time = '12:00'")
    )
    enter(client, session, Role.VIEWER)
    page = client.get(f"/staff/slots?zip=85004&day={days.today() + timedelta(days=2)}").text
    assert reference in page
    for words in ("Booked", "Open", "Closed by us", "1 of 1", "0 of 1", "1 open"):
        assert words in page
    assert "Close the day" not in page


def test_a_day_is_closed_and_opened_again(client: PageClient, session: Session, settings: Settings) -> None:
    book(session, settings)
    add_slot(session, value(session, "SELECT id FROM service_areas"), hour=10)
    enter(client, session, Role.DISPATCHER)
    form = {"zip": "85004", "day": (days.today() + timedelta(days=2)).isoformat()}
    assert "1 windows closed. 1 bookings stay." in follow(
        client, send(client, "/staff/slots/close-day", **form)
    )
    assert not value(session, "SELECT count(*) FROM time_slots WHERE available")
    assert value(session, "SELECT count(*) FROM time_slots WHERE booking_id IS NOT NULL") == 1
    assert "2 windows opened." in follow(client, send(client, "/staff/slots/open-day", **form))
    assert value(session, "SELECT count(*) FROM time_slots WHERE available") == 1
    assert value(session, "SELECT count(*) FROM audit_log WHERE action IN ('slot_close', 'slot_open')") == 2


def test_a_window_of_our_own_is_opened_and_closed(client: PageClient, session: Session) -> None:
    add_area(session)
    enter(client, session, Role.DISPATCHER)
    form = {"zip": "85004", "day": (days.today() + timedelta(days=3)).isoformat()}
    page = follow(client, send(client, "/staff/slots/open", **form, start="08:00", end="11:00", capacity="2"))
    assert "08:00 is opened." in page
    assert "8 AM – 11 AM" in page
    assert "0 of 2" in page
    assert "08:00 is closed." in follow(client, send(client, "/staff/slots/close", **form, start="08:00"))


def test_nonsense_is_refused_with_a_sentence(client: PageClient, session: Session) -> None:
    enter(client, session)
    assert "Give a start" in follow(client, send(client, "/staff/slots/open", zip="85004", start="8 o'clock"))
    assert "Give a start" in follow(
        client, send(client, "/staff/slots/open", zip="85004", start="08:00", capacity="many")
    )
    assert "not one of our service areas" in follow(
        client, send(client, "/staff/slots/close-day", zip="99999")
    )
    assert "No service area" in client.get("/staff/slots?zip=99999&day=never").text
