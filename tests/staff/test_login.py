"""Who gets in, who does not, and what an outsider learns from that: nothing."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.models.staff import Role
from app.web import limits
from tests.pages import PageClient
from tests.staff.office import PASSWORD, add_staff, enter, follow, log_in, send, token, value

OPEN = {"staff.login", "staff.enter"}
SAMPLES = {
    "reference": "ABCDEFGH",
    "job_id": "0" * 8 + "-0000-7000-8000-" + "0" * 12,
    "key": "direct",
    "name": "funnel",
}
SAMPLES["lead_id"] = SAMPLES["text_id"] = SAMPLES["job_id"]


def addresses(app: Flask, method: str) -> Iterator[str]:
    """Every staff address that answers this method."""
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            if (
                rule.endpoint.startswith("staff.")
                and method in (rule.methods or ())
                and rule.endpoint not in OPEN
            ):
                yield app.url_for(rule.endpoint, **{name: SAMPLES[name] for name in rule.arguments})


def test_no_page_is_shown_to_strangers(app: Flask, client: PageClient) -> None:
    pages = list(addresses(app, "GET"))
    assert len(pages) > 12
    for page in pages:
        response = client.get(page)
        assert response.status_code == 303, page
        assert response.headers["Location"].startswith("/staff/login"), page


def test_nothing_is_changed_by_strangers(app: Flask, client: PageClient) -> None:
    for page in addresses(app, "POST"):
        assert client.post(page).headers["Location"].startswith("/staff/login"), page


def test_a_form_without_its_word_changes_nothing(app: Flask, client: PageClient, session: Session) -> None:
    enter(client, session)
    for page in addresses(app, "POST"):
        assert client.post(page, data={"csrf_token": "guessed"}).status_code == 403, page


def test_a_form_of_another_site_changes_nothing(client: PageClient, session: Session) -> None:
    enter(client, session)
    word = token(client)
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
    ):
        assert client.post("/staff/logout", data={"csrf_token": word}, headers=headers).status_code == 403
    assert client.get("/staff/").status_code == 200
    login = client.post(
        "/staff/login", data={"email": "admin@example.com", "password": PASSWORD}, headers=headers
    )
    assert login.status_code == 403


def test_the_right_password_leads_to_the_page_that_was_wanted(client: PageClient, session: Session) -> None:
    add_staff(session)
    asked = client.get("/staff/reports/funnel?days=7")
    form = client.get(asked.headers["Location"]).text
    assert 'name="next" value="/staff/reports/funnel"' in form
    response = client.post(
        "/staff/login",
        data={"email": " Admin@Example.com ", "password": PASSWORD, "next": "/staff/reports/funnel"},
    )
    assert response.headers["Location"] == "/staff/reports/funnel"
    assert value(session, "SELECT count(*) FROM audit_log WHERE action = 'login'") == 1
    assert value(session, "SELECT last_seen_at FROM staff") is not None


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/staff/", "//evil.example", "/staff/\\evil.example", "/book", "/staff//evil"],
)
def test_a_login_never_leads_elsewhere(client: PageClient, session: Session, elsewhere: str) -> None:
    add_staff(session)
    response = client.post(
        "/staff/login", data={"email": "admin@example.com", "password": PASSWORD, "next": elsewhere}
    )
    assert response.headers["Location"] == "/staff/"


def test_an_unknown_address_and_a_wrong_password_read_the_same(client: PageClient, session: Session) -> None:
    add_staff(session)
    wrong = log_in(client, "admin@example.com", "not the password")
    unknown = log_in(client, "nobody@example.com")
    assert wrong.status_code == unknown.status_code == 422
    assert wrong.text == unknown.text
    assert "admin@example.com" not in wrong.text


def test_somebody_who_left_does_not_get_in(client: PageClient, session: Session) -> None:
    add_staff(session)
    session.execute(text("UPDATE staff SET active = false"))
    assert log_in(client, "admin@example.com").status_code == 422


def test_raising_the_epoch_ends_every_session(client: PageClient, session: Session) -> None:
    enter(client, session)
    session.execute(text("UPDATE staff SET session_epoch = session_epoch + 1"))
    session.expire_all()
    assert client.get("/staff/").status_code == 303


def test_a_session_ends_after_a_working_day(client: PageClient, session: Session) -> None:
    enter(client, session)
    with time_machine.travel(clock.now().timestamp() + 12 * 3600 + 60, tick=False):
        assert client.get("/staff/").status_code == 303


def test_logging_out_ends_the_session(client: PageClient, session: Session) -> None:
    enter(client, session)
    assert "You are logged out." in follow(client, send(client, "/staff/logout"))
    assert client.get("/staff/").status_code == 303


def test_too_many_attempts_are_refused(app: Flask, client: PageClient, session: Session) -> None:
    add_staff(session)
    settings = app.extensions["a1_settings"]
    app.extensions["a1_settings"] = replace(settings, abuse_limits=True)
    try:
        answers = [log_in(client, "admin@example.com", "wrong").status_code for _ in range(12)]
        assert answers[0] == 422
        assert answers[-1] == 429
        assert log_in(client, "admin@example.com").status_code == 429
    finally:
        app.extensions["a1_settings"] = settings
        limits._limiter.storage.reset()


def test_staff_pages_are_never_framed_cached_or_indexed(client: PageClient, session: Session) -> None:
    for page in ("/staff/login", "/staff/"):
        enter(client, session) if page == "/staff/" else None
        response = client.get(page)
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["Cache-Control"] == "no-store"
        assert 'content="noindex"' in response.text


def test_a_viewer_looks_and_does_not_touch(app: Flask, client: PageClient, session: Session) -> None:
    enter(client, session, Role.VIEWER)
    for page in addresses(app, "GET"):
        expected = {403} if page == "/staff/audit" else {200, 404}
        assert client.get(page).status_code in expected, page
    word = token(client)
    for page in addresses(app, "POST"):
        expected = {303} if page in {"/staff/bookings", "/staff/logout"} else {403}
        if page != "/staff/logout":
            assert client.post(page, data={"csrf_token": word}).status_code in expected, page


def test_partners_and_the_audit_log_take_an_admin(client: PageClient, session: Session) -> None:
    enter(client, session, Role.DISPATCHER)
    assert client.get("/staff/audit").status_code == 403
    assert send(client, "/staff/partners", name="X", origins="https://x.example").status_code == 403
    assert "Audit log" not in client.get("/staff/").text
