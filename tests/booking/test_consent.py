"""The ledger: what was agreed to is kept as it was shown, and a withdrawal wins at once."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.booking import consent, proof
from app.notifications import ledger
from app.notifications.ledger import Method, Withdrawal
from app.notifications.recipients import email_hash, home_number, phone_hash
from tests.factories import add_week
from tests.pages import PageClient, Walk
from tests.staff.office import book

PHONE = "+16025550123"


@pytest.fixture
def key(app: Flask) -> str:
    return app.extensions["a1_settings"].privacy_hash_key


@pytest.fixture
def hashed(key: str) -> bytes:
    return phone_hash(PHONE, key)


def row(session: Session, sql: str) -> Any:
    return session.execute(text(sql)).one()


def test_a_tick_is_proved_by_the_words_that_stood_beside_it(
    client: PageClient, session: Session, hashed: bytes
) -> None:
    add_week(session)
    walk = Walk(client, address="203.0.113.77").start(query="lang=en").to("contact")
    shown = walk.html
    walk.to("done")
    kept = row(session, "SELECT * FROM consents")
    words = row(session, "SELECT * FROM consent_texts")
    assert words.body == consent.sms_text("A1 Garage", "en")
    assert words.body in shown
    assert bytes(words.sha256) == hashlib.sha256(words.body.encode()).digest() == bytes(kept.text_sha256)
    assert (words.version, words.purpose, words.locale) == (kept.text_version, kept.purpose, kept.locale)
    assert (bytes(kept.phone_hash), kept.method, kept.action, kept.channel) == (
        hashed,
        "web",
        "opt_in",
        "sms",
    )
    assert (kept.page, kept.partner, str(kept.ip_truncated)) == ("/w/-/contact", "direct", "203.0.113.0/24")
    assert len(kept.user_agent_hash) == 32


def test_words_are_kept_once_for_each_version_language_and_company(session: Session, app: Flask) -> None:
    settings = app.extensions["a1_settings"]
    for hour in (8, 10):
        book(session, settings, hour=hour)
    assert row(session, "SELECT count(*) AS n FROM consent_texts").n == 1


@pytest.mark.parametrize("deed", ["UPDATE {} SET locale = 'es'", "DELETE FROM {}"])
@pytest.mark.parametrize("table", ["consents", "consent_texts"])
def test_nobody_rewrites_the_ledger(session: Session, app: Flask, deed: str, table: str) -> None:
    book(session, app.extensions["a1_settings"])
    with pytest.raises(DBAPIError), session.begin_nested():
        session.execute(text(deed.format(table)))


@pytest.mark.parametrize("method", list(Method))
def test_a_withdrawal_counts_for_every_customer_of_the_number(
    session: Session, app: Flask, hashed: bytes, method: Method
) -> None:
    for hour, email in ((8, "a@example.com"), (10, "b@example.com")):
        book(session, app.extensions["a1_settings"], hour=hour, email=email)
    assert not ledger.is_opted_out(session, hashed)
    ledger.stop(session, hashed, Withdrawal(method), number=PHONE)
    assert ledger.stop_of(session, hashed).method is method
    assert row(session, "SELECT bool_or(sms_opt_in) AS any FROM customers").any is False


@pytest.mark.parametrize(
    ("method", "lifted"),
    [
        (Method.KEYWORD, False),
        (Method.FREEFORM, False),
        (Method.WEBHOOK, False),
        (Method.STAFF, True),
        (Method.WEB, True),
    ],
)
def test_a_later_tick_lifts_only_what_was_not_written_from_the_phone(
    session: Session, hashed: bytes, method: Method, lifted: bool
) -> None:
    for action, how, ago in (("opt_out", method, 60), ("opt_in", "web", 30)):
        session.execute(
            text("INSERT INTO consents (phone_hash, channel, purpose, action, method, created_at)"
                 " VALUES (:phone, 'sms', 'booking', :action, :how, now() - make_interval(secs => :ago))"),
            {"phone": hashed, "action": action, "how": how, "ago": ago},
        )  # fmt: skip
    assert ledger.is_opted_out(session, hashed) is not lifted
    if not lifted:
        assert ledger.restore(session, hashed, "SM1")
        assert not ledger.is_opted_out(session, hashed)


def test_a_tick_covers_its_own_booking_and_its_own_number(
    session: Session, app: Flask, hashed: bytes, key: str
) -> None:
    book(session, app.extensions["a1_settings"])
    booking_id = row(session, "SELECT id FROM bookings").id
    assert ledger.has_agreed(session, booking_id, hashed)
    assert not ledger.has_agreed(session, booking_id, phone_hash("+16025550124", key))


def test_news_have_a_box_of_their_own_only_where_there_is_a_list(
    client: PageClient, app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    add_week(session)
    walk = Walk(client).start().to("contact")
    assert "email_opt_in" not in walk.html
    assert walk.to("done", contact={"email_opt_in": "1"}).step == "done"  # not asked, so not agreed
    assert row(session, "SELECT count(*) AS n FROM consents WHERE channel = 'email'").n == 0
    monkeypatch.setitem(
        app.extensions, "a1_settings", replace(app.extensions["a1_settings"], klaviyo_list_id="Xy12Zz")
    )
    walk = Walk(client).start("lang=es").to("contact")
    assert consent.news_text("A1 Garage", "es") in walk.html
    assert 'name="email_opt_in"' in walk.html
    assert "checked" not in walk.html
    walk.to("done", contact={"email_opt_in": "1", "sms_opt_in": ""})
    kept = row(session, "SELECT * FROM consents WHERE channel = 'email'")
    assert (kept.purpose, kept.text_version, bytes(kept.email_hash)) == (
        "marketing",
        "news-2026-11",
        email_hash("ana@example.com", key),
    )
    assert row(session, "SELECT count(*) AS n FROM queue_jobs WHERE job_type = 'klaviyo.subscribe'").n == 1


def test_an_unticked_box_is_no_consent(client: PageClient, session: Session) -> None:
    add_week(session)
    Walk(client).start().to("done", contact={"sms_opt_in": ""})
    assert row(session, "SELECT count(*) AS n FROM consents").n == 0


def test_the_proof_tells_all_of_a_number(session: Session, app: Flask, hashed: bytes) -> None:
    reference = book(session, app.extensions["a1_settings"])
    ledger.stop(session, hashed, Withdrawal(Method.KEYWORD, provider_ref="SM1"))
    found = proof.read(session, hashed)
    first, last = found.lines
    assert (first.booking, first.action, first.words) == (
        reference,
        "opt_in",
        consent.sms_text("A1 Garage", "en"),
    )
    assert (last.action, last.method, last.message) == ("opt_out", "keyword", "SM1")
    assert found.is_stopped


def test_the_proof_is_a_command(session: Session, app: Flask) -> None:
    book(session, app.extensions["a1_settings"])
    runner = app.test_cli_runner()
    told = json.loads(runner.invoke(args=["consent", "proof", "--phone", "(602) 555-0123", "--json"]).output)
    assert told["is_stopped"] is False
    assert told["consents"][0]["words"] == consent.sms_text("A1 Garage", "en")
    assert PHONE not in json.dumps(told)
    words = runner.invoke(args=["consent", "proof", "--phone", PHONE]).output
    assert "opt_in booking by sms, web" in words
    assert "Texts today: not stopped" in words
    assert (
        runner.invoke(args=["consent", "proof", "--email", "x@example.com"]).output
        == "Nothing is known of it.\n"
    )
    assert runner.invoke(args=["consent", "proof", "--phone", "12"]).exit_code == 1
    assert runner.invoke(args=["consent", "proof"]).exit_code == 2


@pytest.mark.parametrize("lang", ["en", "es"])
def test_the_terms_show_the_words_of_the_form_in_both_languages(
    client: PageClient, session: Session, lang: str
) -> None:
    page = client.get(f"/sms-terms?lang={lang}").text
    for locale in ("en", "es"):
        assert consent.sms_text("A1 Garage", locale) in page


ALLOWED = (
    "(602) 555-0123",
    "602.555.0123",
    "+1 602 555 0123",
    "1-602-555-0123",
    "６０２５５５０１２３",
    "tel:6025550123",
    "212-555-0187",
)
REFUSED = (
    "+1 876 555 0123", "+1 809 555 0123", "+1 242 365 0123", "+1 284 494 0123", "+1 473 403 0123", "+1 441 295 0123", "416-555-0123",
    "+1 787 555 0123", "900-555-0123", "1-900-555-0123", "602-976-0123", "+44 20 7946 0123", "+52 55 5555 0123", "+7 495 123 4567",
    "911", "555-0123", "602-555-012", "602-555-01234", "+1602555", "602-555-0123 ext 5", "160255501239999", "", "abc", "000-000-0000",
    "+0 602 555 0123", "٠٠٠", "1111111111", "602-055-0123",
)  # fmt: skip


@pytest.mark.parametrize("typed", ALLOWED)
def test_a_number_of_the_united_states_may_be_texted(typed: str) -> None:
    assert home_number(typed).startswith("+1")


@pytest.mark.parametrize("typed", REFUSED)
def test_dear_foreign_and_broken_numbers_may_not(typed: str) -> None:
    assert home_number(typed) is None


def test_the_form_refuses_them_too(client: PageClient, session: Session) -> None:
    add_week(session)
    walk = Walk(client).start().to("contact")
    for typed in ("+1 876 555 0123", "900-555-0123", "602-976-0123"):
        response = walk.post("contact", walk.reply("contact") | {"phone": typed})
        assert response.status_code == 422
        assert "Enter a 10-digit US phone number." in response.text
