"""The lists of the office: a cell under every heading, figures to the right, and on the first page what needs somebody at once."""

import re

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.config import Settings
from app.models.staff import Role
from tests.pages import PageClient, parse
from tests.staff.office import book, enter, fail_create, follow, send, value

LEAD = text(
    "INSERT INTO leads (kind, zip_code, issue_type, first_name, phone, email, note, urgency, created_at) VALUES"
    " (:kind, '85004', 'broken_spring', :name, :phone, :email, 'after five', :urgency, now() - make_interval(hours => :hours))"
)
TEXT = text(
    "INSERT INTO inbound_texts (provider_sid, phone_hash, booking_id, meaning, body)"
    " SELECT 'SM1', '\\x01', id, 'other', 'Can you come later?' FROM bookings LIMIT 1"
)
PAGES = (
    "", "bookings", "jobs", "jobs?show=waiting", "leads", "texts", "slots?zip=85004", "partners", "operations", "integrity",
    "audit",
)  # fmt: skip


def add_lead(session: Session, name: str, hours: int = 1, **differs: str | None) -> None:
    values = {"kind": "callback", "phone": "+16025550199", "email": None, "urgency": None} | differs
    session.execute(LEAD, {"name": name, "hours": hours, **values})


@pytest.fixture
def morning(client: PageClient, session: Session, settings: Settings) -> str:
    """A morning on which every list has something; returns the booking that is stuck."""
    stuck = book(session, settings)
    fail_create(session, stuck)
    session.execute(TEXT)
    add_lead(session, "Joe", email="joe@example.com")
    enter(client, session, Role.ADMIN)
    return stuck


@pytest.mark.parametrize("path", PAGES)
def test_every_row_has_a_cell_for_every_heading_and_figures_stand_to_the_right(
    client: PageClient, morning: str, path: str
) -> None:
    tree = parse(client.get(f"/staff/{path}").text, whole=True)
    tables = list(tree.iter("table"))
    for table in tables:
        kinds = ["number" in cell.get("class", "").split() for cell in table.iter("th")]
        titles = [cell.text or "" for cell in table.iter("th")]  # beside each cell on a phone
        rows = [list(row) for row in table.find("tbody").iter("tr")]
        assert rows, "an empty list says so in words instead"
        for row in rows:
            assert ["number" in cell.get("class", "").split() for cell in row] == kinds
            assert [cell.get("data-heading") for cell in row] == titles
    assert tables or path.startswith("slots")
    assert client.get(f"/staff/bookings/{morning}").status_code == 200


def test_a_list_without_rows_says_what_that_means(client: PageClient, session: Session) -> None:
    enter(client, session, Role.ADMIN)
    for path, words in {
        "bookings": "nothing has been booked yet",
        "jobs": "Nothing needs you",
        "leads": "Nobody is waiting to hear from us",
        "texts": "Nobody waits for an answer",
        "operations": "All queues are empty",
    }.items():
        assert words in client.get(f"/staff/{path}").text


def test_who_waits_for_a_call_stands_on_the_first_page_the_emergency_first(
    client: PageClient, session: Session
) -> None:
    add_lead(session, "Waits longest", hours=20)
    add_lead(session, "Waits less", hours=2)
    add_lead(session, "Crooked door", urgency="emergency", phone="+16025550111")
    add_lead(session, "Only looked", kind="out_of_area", phone=None, email="x@example.com")
    enter(client, session, Role.DISPATCHER)
    shown = client.get("/staff/").text.split('id="callers"')[1].split("</section>")[0]
    order = [shown.index(name) for name in ("Crooked door", "Waits longest", "Waits less")]
    assert order == sorted(order)
    assert "Only looked" not in shown
    assert 'href="tel:+16025550111"' in shown
    path = re.search(r'action="(/staff/leads/[^"]+)"', shown)[1]
    after = follow(client, send(client, path, status="contacted", back="/staff/"))
    assert "The lead is contacted now." in after
    assert "Crooked door" not in after
    assert "Waits longest" in after


def test_on_the_first_page_each_row_says_whom_to_call_and_offers_what_to_do(
    client: PageClient, session: Session, settings: Settings
) -> None:
    fail_create(session, book(session, settings))
    flagged = book(session, settings, hour=10, phone="+16025550144")
    session.execute(
        text(
            "UPDATE bookings SET needs_attention = 'Moved by the office', status = 'confirmed', servicetitan_job_id = '77'"
            " WHERE reference = :reference"
        ),
        {"reference": flagged},
    )
    enter(client, session, Role.DISPATCHER)
    page = client.get("/staff/").text
    first, second = page.split('id="missing"')[1].split('id="flagged"')
    assert 'href="tel:+16025550123"' in first
    assert "Try again" in first
    assert 'href="tel:+16025550144"' in second
    assert "Seen to" in second
    after = follow(client, send(client, f"/staff/bookings/{flagged}/seen-to", back="/staff/"))
    assert "off the list" in after
    assert 'id="missing"' in after, "back on the first page"
    assert value(session, "SELECT needs_attention FROM bookings WHERE reference = :r", r=flagged) is None


def test_whole_months_are_shown_for_a_year_unless_asked_otherwise(
    client: PageClient, session: Session
) -> None:
    enter(client, session, Role.VIEWER)
    shown = client.get("/staff/reports/months").text
    assert re.search(r'days=365"\s+aria-current="page"', shown)
    assert re.search(r'days=30"\s+aria-current="page"', client.get("/staff/reports/overview").text)
    assert "All years" in shown


def test_what_people_agree_to_stands_beside_the_messages(client: PageClient, session: Session) -> None:
    enter(client, session, Role.VIEWER)
    page = client.get("/staff/messages").text.split('id="consent"')[1]
    for words in (
        "Yes, text me about this visit",
        "Sí, envíenme mensajes",
        "Yes, email me offers",
        "Sí, envíenme ofertas",
    ):
        assert words in page
