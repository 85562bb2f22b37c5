"""Finding a booking, reading its whole story, and cancelling it."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.config import Settings
from app.models.staff import Role
from app.staff import booking_search, days
from tests.pages import PageClient
from tests.staff.office import book, enter, fail_create, follow, send, value


def references(html: str) -> list[str]:
    """References a page links to, in order."""
    return list(dict.fromkeys(re.findall(r'/staff/bookings/([0-9A-Z]{8})"', html)))


def test_the_list_shows_the_newest_first(client: PageClient, session: Session, settings: Settings) -> None:
    first, second = book(session, settings), book(session, settings, hour=10)
    enter(client, session, Role.VIEWER)
    page = client.get("/staff/bookings").text
    assert references(page) == [second, first]
    assert "Not yet" in page


def test_an_empty_list_says_so(client: PageClient, session: Session) -> None:
    enter(client, session)
    assert "No bookings here" in client.get("/staff/bookings").text
    assert (
        "No bookings here"
        in client.get("/staff/bookings?status=cancelled&from=junk&before=junk&by=visit&to=2026-13-01").text
    )


def test_filters_narrow_the_list(client: PageClient, session: Session, settings: Settings) -> None:
    paid = book(session, settings)
    direct = book(session, settings, hour=10, day=4, source="direct")
    session.execute(text("UPDATE bookings SET status = 'confirmed' WHERE reference = :r"), {"r": direct})
    enter(client, session)
    today = days.today()
    assert references(client.get("/staff/bookings?status=confirmed").text) == [direct]
    assert references(client.get("/staff/bookings?source=paid_search").text) == [paid]
    assert references(client.get(f"/staff/bookings?from={today}&to={today}").text) == [direct, paid]
    assert references(client.get(f"/staff/bookings?to={today - timedelta(days=1)}").text) == []
    visit_day = today + timedelta(days=4)
    assert references(client.get(f"/staff/bookings?by=visit&from={visit_day}&to={visit_day}").text) == [
        direct
    ]


def test_older_bookings_are_one_link_away(
    client: PageClient, session: Session, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(booking_search, "PAGE_SIZE", 2)
    made = [book(session, settings, hour=hour) for hour in (8, 10, 12)]
    enter(client, session)
    page = client.get("/staff/bookings").text
    assert references(page) == made[:0:-1]
    older = re.search(r'href="(/staff/bookings\?before=[^"]+)"', page)[1]
    assert references(client.get(older).text) == made[:1]


def test_a_person_is_found_by_what_they_say_on_the_phone(
    client: PageClient, session: Session, settings: Settings
) -> None:
    ana = book(session, settings)
    ben = book(
        session,
        settings,
        hour=10,
        first_name="Ben",
        last_name="O'Neil_Jones",
        email="ben@example.com",
        phone="+14805550199",
    )
    enter(client, session, Role.VIEWER)
    for words, found in {
        "(602) 555-0123": [ana], "602.555.0123": [ana], "ANA@example.com": [ana], "ruiz": [ana], "ben o'neil": [ben],
        "l_j": [ben], "%": [], "a_a": [], "nobody@example.com": [], "5551": [],
    }.items():  # fmt: skip
        response = send(client, "/staff/bookings", q=words)
        assert response.status_code == 200
        assert references(response.text) == found, words


def test_a_reference_leads_to_its_booking_however_it_is_typed(
    client: PageClient, session: Session, settings: Settings
) -> None:
    reference = book(session, settings)
    enter(client, session)
    for typed in (
        reference,
        reference.lower(),
        f" {reference[:4]}-{reference[4:]} ",
        reference.replace("0", "O").replace("1", "I"),
    ):
        assert send(client, "/staff/bookings", q=typed).headers["Location"] == f"/staff/bookings/{reference}"


def test_what_was_searched_for_is_in_no_address(
    client: PageClient, session: Session, settings: Settings
) -> None:
    book(session, settings)
    enter(client, session)
    page = send(client, "/staff/bookings", q="ruiz").text
    assert not re.search(r'(href|action)="[^"]*ruiz', page, re.IGNORECASE)


def test_a_booking_tells_its_whole_story(client: PageClient, session: Session, settings: Settings) -> None:
    reference = book(session, settings)
    enter(client, session, Role.VIEWER)
    page = client.get(f"/staff/bookings/{reference}").text
    for part in (
        "Ana Ruiz", "(602) 555-0123", "ana@example.com", "12 Oak Street", "Gate 4711", "Broken spring", "click-1", "Paid search",
        "ServiceTitan job", "Confirmation", "$89", "It went &lt;bang&gt;", "Not yet in ServiceTitan",
    ):  # fmt: skip
        assert part in page, part
    assert "Cancel this booking" not in page


def test_a_difference_to_the_known_customer_is_shown_and_not_applied(
    client: PageClient, session: Session, settings: Settings
) -> None:
    book(session, settings)
    second = book(session, settings, hour=10, phone="+14805550199")
    enter(client, session)
    assert "What was typed differs" in client.get(f"/staff/bookings/{second}").text


def test_an_unknown_reference_is_not_found(client: PageClient, session: Session) -> None:
    enter(client, session)
    assert client.get("/staff/bookings/ZZZZZZZZ").status_code == 404
    assert send(client, "/staff/bookings/ZZZZZZZZ/cancel", reason="x").status_code == 404


def test_a_cancelled_booking_frees_its_window_and_says_who_did_it(
    client: PageClient, session: Session, settings: Settings
) -> None:
    reference = book(session, settings)
    enter(client, session, Role.DISPATCHER)
    page = follow(client, send(client, f"/staff/bookings/{reference}/cancel", reason="Homeowner called"))
    assert "Cancelled. The window is free again" in page
    assert "Homeowner called" in page
    assert "by Robin Dispatcher" in page
    assert value(session, "SELECT available FROM time_slots")
    assert value(session, "SELECT count(*) FROM audit_log WHERE action = 'booking_cancel'") == 1
    assert value(session, "SELECT count(*) FROM queue_jobs WHERE job_type = 'servicetitan.cancel_job'") == 1
    again = follow(client, send(client, f"/staff/bookings/{reference}/cancel", reason="Twice"))
    assert "not open any more" in again


def test_a_cancellation_needs_a_reason(client: PageClient, session: Session, settings: Settings) -> None:
    reference = book(session, settings)
    enter(client, session)
    assert "Nothing was cancelled" in follow(
        client, send(client, f"/staff/bookings/{reference}/cancel", reason="  ")
    )
    assert value(session, "SELECT status FROM bookings") == "pending"


def test_the_overview_shows_what_is_not_in_servicetitan_and_why(
    client: PageClient, session: Session, settings: Settings
) -> None:
    stuck, fine = book(session, settings), book(session, settings, hour=10)
    session.execute(
        text("UPDATE bookings SET servicetitan_job_id = '77', status = 'confirmed' WHERE reference = :r"),
        {"r": fine},
    )
    fail_create(session, stuck)
    enter(client, session, Role.DISPATCHER)
    page = client.get("/staff/").text
    section = page[page.index('id="missing"') : page.index('class="tiles"')]
    assert references(section) == [stuck]
    assert "Given up after 1 try: create job: 400 (customerId)" in section
    assert "Try again" in section


def test_the_overview_is_calm_when_all_is_well(client: PageClient, session: Session) -> None:
    enter(client, session)
    page = client.get("/staff/").text
    assert "Every open booking is in ServiceTitan." in page
    assert "Nobody is visited today." in page


def test_a_flagged_booking_waits_on_the_first_page_until_somebody_has_seen_to_it(
    client: PageClient, session: Session, settings: Settings
) -> None:
    reference = book(session, settings)
    flag = text(
        "UPDATE bookings SET needs_attention = 'ServiceTitan: another time', status = 'confirmed',"
        " servicetitan_job_id = '77' WHERE reference = :reference"
    )
    session.execute(flag, {"reference": reference})
    enter(client, session, Role.VIEWER)
    shown = client.get("/staff/").text
    assert "Needs a person" in shown
    assert "ServiceTitan: another time" in shown
    assert send(client, f"/staff/bookings/{reference}/seen-to").status_code == 403
    enter(client, session, Role.DISPATCHER)
    assert "off the list" in follow(client, send(client, f"/staff/bookings/{reference}/seen-to"))
    assert "Needs a person" not in client.get("/staff/").text
    assert value(session, "SELECT count(*) FROM audit_log WHERE action = 'booking_seen_to'") == 1
    assert "nothing was waiting" in follow(client, send(client, f"/staff/bookings/{reference}/seen-to"))
