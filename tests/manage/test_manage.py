"""The link in the message: a look changes nothing, a press cancels once."""

import re

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking import manage_links
from app.config import Settings
from tests.factories import add_week
from tests.pages import PageClient, Walk


@pytest.fixture
def link(client: PageClient, session: Session, settings: Settings) -> str:
    """The manage path of a fresh booking."""
    add_week(session)
    Walk(client).start().to("done")
    booking_id = session.execute(text("SELECT id FROM bookings")).scalar_one()
    return manage_links.url_for_booking(session, booking_id, key=settings.privacy_hash_key, base_url="")


def cancel(client: PageClient, link: str, **extra: str) -> int:
    seal = re.search(r'name="fs" value="([^"]+)"', client.get(link).text)
    return client.post(
        f"{link}/cancel", data={"fs": seal[1] if seal else "", "reason": "fixed"} | extra
    ).status_code


def test_looking_a_hundred_times_changes_no_row(client: PageClient, session: Session, link: str) -> None:
    count = text(
        "SELECT (SELECT count(*) FROM analytics_events), (SELECT version FROM bookings), (SELECT sum(taken) FROM slot_capacity)"
    )
    before = session.execute(count).one()
    for _ in range(50):
        assert client.get(link).status_code == 200
        assert client.get(f"{link}/visit.ics").status_code == 200
        assert client.get(f"{link}/cancel").status_code == 405
    assert session.execute(count).one() == before


def test_the_page_shows_no_contact_data(client: PageClient, link: str) -> None:
    page = client.get(link).text
    assert "ana@example.com" not in page
    assert "12 Oak" not in page
    assert "data-reference" in page


def test_cancel_frees_the_window_and_tells_everyone_once(
    client: PageClient, session: Session, link: str
) -> None:
    assert cancel(client, link) == 303
    assert 'data-status="cancelled"' in client.get(link).text
    booking = session.execute(text("SELECT status, version FROM bookings")).one()
    assert tuple(booking) == ("cancelled", 2)
    assert (
        session.execute(text("SELECT count(*) FROM time_slots WHERE booking_id IS NOT NULL")).scalar_one()
        == 0
    )
    assert session.execute(text("SELECT sum(taken) FROM slot_capacity")).scalar_one() == 0
    jobs = session.execute(text("SELECT job_type FROM queue_jobs")).scalars().all()
    assert jobs.count("servicetitan.cancel_job") == 1
    history = session.execute(
        text("SELECT to_status, actor, reason FROM booking_status_history ORDER BY at, id")
    ).all()
    assert tuple(history[-1]) == ("cancelled", "visitor", "fixed")
    seal = {"fs": "x"}
    assert client.post(f"{link}/cancel", data=seal).status_code == 403
    assert (
        session.execute(
            text("SELECT count(*) FROM queue_jobs WHERE job_type = 'servicetitan.cancel_job'")
        ).scalar_one()
        == 1
    )


def test_a_press_from_another_site_or_without_our_form_is_403(
    client: PageClient, session: Session, link: str
) -> None:
    assert cancel(client, link, fs="forged") == 403
    seal = re.search(r'name="fs" value="([^"]+)"', client.get(link).text)
    assert seal
    cross = client.post(f"{link}/cancel", data={"fs": seal[1]}, headers={"Sec-Fetch-Site": "cross-site"})
    assert cross.status_code == 403
    assert session.execute(text("SELECT status FROM bookings")).scalar_one() == "pending"


def test_unknown_links_are_404_and_ended_ones_410(client: PageClient, session: Session, link: str) -> None:
    assert client.get("/manage/" + "A" * 43).status_code == 404
    assert client.get("/manage/short").status_code == 404
    session.execute(text("UPDATE manage_links SET revoked_at = now()"))
    assert client.get(link).status_code == 410


def test_the_calendar_file_is_the_visit_and_nothing_personal(
    client: PageClient, session: Session, link: str
) -> None:
    answer = client.get(f"{link}/visit.ics")
    assert answer.mimetype == "text/calendar"
    starts = session.execute(
        text("SELECT to_char(preferred_time AT TIME ZONE 'UTC', 'YYYYMMDD\"T\"HH24MISS\"Z\"') FROM bookings")
    ).scalar_one()
    assert f"DTSTART:{starts}" in answer.text
    assert "METHOD:PUBLISH" in answer.text
    assert "Ana" not in answer.text
