"""The page of all messages, and how messages that were not needed read on a booking's page."""

import re

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.config import Settings
from app.models.staff import Role
from app.notifications.messages import MESSAGES, Wording
from app.staff.messages import TITLES, WHEN
from tests.pages import PageClient
from tests.staff.office import book, enter, refresh_counts


def test_every_message_is_shown_in_both_languages_and_on_both_channels(
    client: PageClient, session: Session
) -> None:
    enter(client, session, Role.VIEWER)
    page = client.get("/staff/messages").text
    for message in MESSAGES:
        assert TITLES[message.wording] in page
        assert message.metric in page
    for language in ("en", "es"):
        assert page.count(f'<article class="stack" lang="{language}"') == len(MESSAGES)
    for words in (
        "Your visit is confirmed",
        "Su visita está confirmada",
        "Reply STOP to opt out.",
        "Msg&amp;data rates may apply",
    ):
        assert words in page
    assert len(
        re.findall(r"\d+ characters, [12] parts?; as the first text \d+ characters, [12] parts?", page)
    ) == (2 * len(MESSAGES))
    assert "More than" not in page


def test_it_is_found_in_the_navigation_and_its_example_link_is_not_one_to_press(
    client: PageClient, session: Session
) -> None:
    enter(client, session, Role.VIEWER)
    assert 'href="/staff/messages">Messages' in client.get("/staff/").text
    assert 'href="http' not in client.get("/staff/messages").text
    assert "/manage/an-example-of-a-link" in client.get("/staff/messages").text


def test_nobody_sees_it_without_a_login(client: PageClient) -> None:
    assert client.get("/staff/messages").status_code == 303


def test_each_message_has_a_title_and_its_moment() -> None:
    assert set(TITLES) == set(WHEN) == set(Wording)


@pytest.mark.parametrize(
    ("reason", "badge"),
    [
        ("skipped: the booking was moved", "Not needed</span><small>The booking was moved</small>"),
        ("permanent: create: 400 21211", "Failed</span><small>permanent: create: 400 21211</small>"),
    ],
)
def test_a_message_that_was_not_needed_does_not_read_as_a_failure(
    client: PageClient, session: Session, settings: Settings, reason: str, badge: str
) -> None:
    reference = book(session, settings)
    session.execute(
        text("UPDATE notifications SET status = 'failed', error_msg = :reason WHERE type = 'sms'"),
        {"reason": reason},
    )
    enter(client, session, Role.VIEWER)
    assert badge in client.get(f"/staff/bookings/{reference}").text


def test_the_report_tells_what_was_not_needed_from_what_failed(
    client: PageClient, session: Session, settings: Settings
) -> None:
    book(session, settings)
    session.execute(
        text(
            "UPDATE notifications SET status = 'failed', error_msg = 'skipped: opted out' WHERE type = 'sms'"
        )
    )
    session.execute(text("UPDATE notifications SET status = 'failed' WHERE type = 'email'"))
    refresh_counts(session)
    enter(client, session, Role.VIEWER)
    lines = client.get("/staff/reports/messages.csv").text.splitlines()
    assert "confirmation (sms),1,0,0,1,0,0,0," in lines
    assert "confirmation (email),1,0,0,0,1,0,0,0.0" in lines
