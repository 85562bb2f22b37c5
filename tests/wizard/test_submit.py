"""One visit books at most once, and always tells where it stands."""

import re

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking import changes
from app.config import Settings
from tests.factories import add_week
from tests.pages import HTMX, PageClient, Walk


def bookings(session: Session) -> int:
    return session.execute(text("SELECT count(*) FROM bookings")).scalar_one()


def test_a_lost_reply_and_a_second_press_answer_with_the_same_booking(
    client: PageClient, session: Session
) -> None:
    add_week(session)
    walk = Walk(client).start().to("review")
    sent = {"fs": walk.hidden("fs"), "submission_id": walk.hidden("submission_id")}
    first = client.post(f"{walk.base}/review", data=sent, headers=HTMX).text
    second = client.post(f"{walk.base}/review", data=sent, headers=HTMX).text
    reference = re.compile(r'data-reference="(\w+)"')
    assert reference.search(first)[1] == reference.search(second)[1]
    plain = client.post(f"{walk.base}/review", data=sent)
    assert plain.status_code == 303
    assert plain.headers["Location"].endswith("/done")
    assert bookings(session) == 1


@pytest.mark.parametrize("posted", ["zip", "doors", "slot", "contact", "review"])
def test_whatever_a_booked_visit_posts_it_sees_its_booking(
    client: PageClient, session: Session, posted: str
) -> None:
    add_week(session)
    walk = Walk(client).start().to("done")
    answer = client.post(f"{walk.base}/{posted}", data={"zip_code": "1"}, headers=HTMX)
    assert answer.status_code == 200
    assert "data-reference" in answer.text
    assert client.get(f"{walk.base}/{posted}").headers["Location"].endswith("/done")
    assert bookings(session) == 1


def test_two_tabs_a_stale_review_books_nothing_and_says_so(client: PageClient, session: Session) -> None:
    add_week(session)
    walk = Walk(client).start().to("review")
    stale = {"fs": walk.hidden("fs"), "submission_id": walk.hidden("submission_id")}
    walk.get("doors?change=1")
    walk.post("doors?change=1", {"door_count": "4", "door_age": "2"})
    answer = client.post(f"{walk.base}/review", data=stale, headers=HTMX)
    assert answer.status_code == 409
    assert "changed in another tab" in answer.text
    assert bookings(session) == 0
    assert walk.submit().status_code == 200
    assert bookings(session) == 1


def test_after_a_cancel_the_visit_shows_cancelled_and_cannot_book_again(
    client: PageClient, session: Session, settings: Settings
) -> None:
    add_week(session)
    walk = Walk(client).start().to("review")
    sent = {"fs": walk.hidden("fs"), "submission_id": walk.hidden("submission_id")}
    walk.submit()
    booking_id = session.execute(text("SELECT id FROM bookings")).scalar_one()
    changes.cancel(session, booking_id, actor="visitor", reason=None, privacy_key=settings.privacy_hash_key)
    answer = client.post(f"{walk.base}/review", data=sent, headers=HTMX)
    assert 'data-status="cancelled"' in answer.text
    assert bookings(session) == 1


def test_a_booked_visit_is_there_after_its_day_and_an_unbooked_one_is_410(
    client: PageClient, session: Session
) -> None:
    add_week(session)
    booked, unbooked = (
        Walk(client).start().to("done"),
        Walk(client).start("utm_source=mail&gclid=X1").to("doors"),
    )
    session.execute(text("UPDATE wizard_sessions SET expires_at = now() - interval '1 minute'"))
    assert booked.get("done").status_code == 200
    assert client.post(f"{booked.base}/review", headers=HTMX).status_code == 200
    gone = unbooked.get("doors")
    assert gone.status_code == 410
    assert "/book?utm_source=mail&amp;gclid=X1" in gone.text
    assert client.post(f"{unbooked.base}/doors", data={"door_count": "1"}, headers=HTMX).status_code == 410


def test_junk_is_404_and_a_skipped_step_leads_back(client: PageClient, session: Session) -> None:
    add_week(session)
    assert client.get("/w/junk/zip").status_code == 404
    assert client.get("/w/WyJhIiwiYiJd.AAAA/zip").status_code == 404
    walk = Walk(client).start().to("doors")
    assert walk.get("nonsense").status_code == 404
    assert client.get(f"{walk.base}/review").headers["Location"].endswith("/doors")
    early = client.post(f"{walk.base}/review", data={"fs": "1.x"}, headers=HTMX)
    assert early.status_code == 303
    assert early.headers["Location"].endswith("/doors")


def test_a_form_that_is_not_ours_is_403_and_keeps_what_was_typed(
    client: PageClient, session: Session
) -> None:
    add_week(session)
    walk = Walk(client).start().to("contact")
    typed = walk.reply("contact")
    bad_seal = walk.post("contact", typed, fs="1.deadbeef")
    assert bad_seal.status_code == 403
    assert 'value="ana@example.com"' in walk.html
    cross = walk.post("contact", typed, headers={"Sec-Fetch-Site": "cross-site"})
    assert cross.status_code == 403
    foreign = walk.post("contact", typed, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert walk.post("contact", typed).status_code == 200, "the fresh form works"


def test_a_submission_key_of_another_visit_is_404(client: PageClient, session: Session) -> None:
    add_week(session)
    walk = Walk(client).start().to("review")
    other = Walk(client).start().to("review")
    assert walk.post("review", {"submission_id": other.hidden("submission_id")}).status_code == 404
    assert bookings(session) == 0


def test_an_existing_customer_is_linked_but_never_changed(client: PageClient, session: Session) -> None:
    add_week(session)
    Walk(client).start().to("done")
    Walk(client).start().to(
        "done", contact={"first_name": "Mallory", "phone": "(480) 555-0199", "sms_opt_in": ""}
    )
    customer = session.execute(text("SELECT first_name, phone, sms_opt_in FROM customers")).one()
    assert tuple(customer) == ("Ana", "+16025550123", True)
    typed = session.execute(
        text("SELECT contact_first_name, contact_phone FROM bookings ORDER BY id DESC LIMIT 1")
    ).one()
    assert tuple(typed) == ("Mallory", "+14805550199")


def test_changing_the_zip_forgets_the_window(client: PageClient, session: Session) -> None:
    add_week(session)
    add_week(session, "85021")
    walk = Walk(client).start().to("review")
    walk.get("zip?change=1")
    walk.post("zip?change=1", {"zip_code": "85021"})
    assert walk.step == "slot"
    walk.to("done")
    assert (
        session.execute(
            text("SELECT a.zip_code FROM bookings b JOIN service_areas a ON a.id = b.service_area_id")
        ).scalar_one()
        == "85021"
    )
