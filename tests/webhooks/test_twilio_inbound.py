"""What homeowners text back is done before the answer leaves, once, and only for those who are who they say."""

import time
import uuid
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as Tree

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.notifications import ledger
from app.notifications.messages import GSM7, segments
from app.notifications.recipients import phone_hash
from tests.pages import PageClient
from tests.staff.office import book
from tests.webhooks.sealed import call, sid

PHONE = "+16025550123"
PATH = "/webhooks/twilio/inbound"


class Phone:
    """A homeowner's phone."""

    def __init__(self, client: PageClient, app: Flask, number: str = PHONE) -> None:
        self.client, self.app, self.number, self.texts = client, app, number, 100

    def fields(self, body: str, **more: str) -> dict[str, Any]:
        """What Twilio posts of a text."""
        return {
            "MessageSid": sid(self.texts), "SmsSid": sid(self.texts), "From": self.number, "To": "+16025550142", "Body": body,
            "NumMedia": "0", "NumSegments": "1", "SmsStatus": "received", "ApiVersion": "2010-04-01", "FromCity": "", **more,
        }  # fmt: skip

    def write(self, body: str, *, again: bool = False, **more: str) -> str | None:
        """Send a text; return what is answered."""
        self.texts += not again
        answer = call(self.client, self.app, PATH, self.fields(body, **more))
        assert (answer.status_code, answer.mimetype) == (200, "text/xml")
        root = Tree.fromstring(answer.text)  # noqa: S314 - our own answer
        assert root.tag == "Response"
        return root.findtext("Message")


@pytest.fixture
def phone(client: PageClient, app: Flask, message: uuid.UUID) -> Phone:
    """The phone of somebody who booked and agreed to texts."""
    return Phone(client, app)


@pytest.fixture
def hashed(app: Flask) -> bytes:
    return phone_hash(PHONE, app.extensions["a1_settings"].privacy_hash_key)


def value(session: Session, sql: str) -> Any:
    return session.execute(text(sql)).scalar()


def jobs(session: Session, job_type: str) -> list[Any]:
    return list(
        session.execute(
            text("SELECT payload FROM queue_jobs WHERE job_type = :type"), {"type": job_type}
        ).scalars()
    )


def test_stop_is_kept_at_once_and_twilio_has_answered(phone: Phone, session: Session, hashed: bytes) -> None:
    started = time.monotonic()
    assert phone.write("STOP") is None
    assert time.monotonic() - started < 5
    assert ledger.is_opted_out(session, hashed)
    row = session.execute(
        text("SELECT method, provider_ref, booking_id FROM consents WHERE action = 'opt_out'")
    ).one()
    assert (row.method, row.provider_ref) == ("keyword", sid(101))
    assert row.booking_id is not None
    assert value(session, "SELECT bool_or(sms_opt_in) FROM customers") is False
    assert value(session, "SELECT handled_at IS NOT NULL FROM inbound_texts")


def test_a_stop_in_own_words_is_confirmed_once_and_left_for_the_office(
    phone: Phone, session: Session, hashed: bytes
) -> None:
    words = phone.write("please stop texting me")
    assert (
        words == "A1 Garage: you are unsubscribed and will get no more texts. Reply START to get them again."
    )
    assert phone.write("I told you, no more texts") is None
    assert ledger.is_opted_out(session, hashed)
    assert value(session, "SELECT count(*) FROM inbound_texts WHERE handled_at IS NULL") == 2
    assert value(session, "SELECT method FROM consents WHERE action = 'opt_out' LIMIT 1") == "freeform"


def test_a_repeated_callback_changes_nothing_and_is_not_answered_again(
    phone: Phone, session: Session
) -> None:
    assert phone.write("take me off your list") is not None
    assert phone.write("take me off your list", again=True) is None
    assert value(session, "SELECT count(*) FROM consents WHERE action = 'opt_out'") == 1
    assert value(session, "SELECT count(*) FROM inbound_texts") == 1


def test_start_restores_what_was_agreed_to_before(phone: Phone, session: Session, hashed: bytes) -> None:
    phone.write("STOP")
    assert phone.write("START", OptOutType="START") is None
    assert not ledger.is_opted_out(session, hashed)
    row = session.execute(text("SELECT * FROM consents WHERE action = 'opt_in' AND method = 'keyword'")).one()
    assert (row.purpose, row.text_version, row.provider_ref) == ("booking", "sms-2026-11", sid(102))
    phone.write("Stop")
    assert ledger.is_opted_out(session, hashed)


def test_start_from_somebody_who_never_agreed_restores_nothing(
    client: PageClient, app: Flask, session: Session
) -> None:
    stranger = Phone(client, app, "+16025550188")
    stranger.write("STOP")
    stranger.write("START")
    assert value(session, "SELECT count(*) FROM consents WHERE action = 'opt_in'") == 0


def test_help_is_answered_only_where_twilio_did_not(phone: Phone) -> None:
    assert phone.write("HELP") is None
    assert phone.write("help", OptOutType="HELP") is None
    words = phone.write("Ayuda")
    assert words == (
        "A1 Garage: texts about your booking. Help: (602) 555-0142. Msg & data rates may apply. Reply STOP to opt out."
    )


@pytest.mark.parametrize("body", ["C", "confirm", "Confirmo"])
def test_c_confirms_the_visit_and_servicetitan_is_told(phone: Phone, session: Session, body: str) -> None:
    assert phone.write(body) == "A1 Garage: thank you, see you then. Questions? (602) 555-0142"
    assert phone.write("c") is None
    assert value(session, "SELECT visit_confirmed_at IS NOT NULL FROM bookings")
    assert jobs(session, "servicetitan.confirm_visit") == [{}]


def test_c_for_a_cancelled_booking_confirms_nothing(phone: Phone, session: Session) -> None:
    session.execute(text("UPDATE bookings SET status = 'cancelled'"))
    assert phone.write("C") is None
    assert jobs(session, "servicetitan.confirm_visit") == []


def test_bare_cancel_is_an_opt_out_and_no_cancellation(phone: Phone, session: Session, hashed: bytes) -> None:
    assert phone.write("CANCEL") is None
    assert ledger.is_opted_out(session, hashed)
    assert value(session, "SELECT status FROM bookings") == "pending"


def test_other_words_reach_the_office_and_the_technician(
    phone: Phone, session: Session, hashed: bytes
) -> None:
    assert phone.write("The gate code is <4712> \0 & the dog bites") is None
    row = session.execute(text("SELECT * FROM inbound_texts")).one()
    assert (row.meaning, row.body, row.handled_at) == (
        "other",
        "The gate code is <4712>  & the dog bites",
        None,
    )
    assert row.booking_id == value(session, "SELECT id FROM bookings")
    assert jobs(session, "servicetitan.add_note") == [{"inbound_text_id": str(row.id)}]
    assert not ledger.is_opted_out(session, hashed)


def test_a_picture_without_words_is_kept_as_one(phone: Phone, session: Session) -> None:
    phone.write("", NumMedia="2")
    assert value(session, "SELECT body FROM inbound_texts") == "(2 pictures)"


def test_a_text_belongs_to_the_booking_that_is_still_to_come(
    phone: Phone, app: Flask, session: Session
) -> None:
    session.execute(text("UPDATE bookings SET status = 'completed'"))
    reference = book(session, app.extensions["a1_settings"], hour=16)
    session.execute(
        text("UPDATE notifications SET created_at = now() - interval '1 hour' WHERE booking_id ="
             " (SELECT id FROM bookings WHERE reference = :reference)"), {"reference": reference},
    )  # fmt: skip
    phone.write("See you then")
    assert (
        value(session, "SELECT b.reference FROM inbound_texts t JOIN bookings b ON b.id = t.booking_id")
        == reference
    )


def test_a_stranger_is_heard_too(client: PageClient, app: Flask, session: Session) -> None:
    assert Phone(client, app, "+16025550199").write("Who are you?") is None
    assert value(session, "SELECT booking_id FROM inbound_texts") is None
    assert jobs(session, "servicetitan.add_note") == []


def test_answers_are_in_the_language_of_the_booking_and_one_text_long(phone: Phone, session: Session) -> None:
    session.execute(text("UPDATE bookings SET locale = 'es'"))
    said = [phone.write(body) for body in ("ayuda", "C", "no me manden mensajes")]
    assert (
        said[2]
        == "A1 Garage: ya no recibirá más mensajes de texto. Responda START para recibirlos de nuevo.".translate(
            str.maketrans("áí", "ai")
        )
    )
    assert all(words and set(words) <= GSM7 and segments(words) == 1 for words in said)


def test_nobody_makes_us_answer_without_end(
    phone: Phone, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = replace(app.extensions["a1_settings"], abuse_limits=True)
    monkeypatch.setitem(app.extensions, "a1_settings", limited)
    answers = [phone.write("ayuda") for _ in range(14)]
    assert sum(words is not None for words in answers) == 10
    assert phone.write("leave me alone") is not None


def test_a_forged_text_is_403_and_changes_nothing(
    client: PageClient, app: Flask, session: Session, phone: Phone
) -> None:
    fields = phone.fields("STOP")
    assert call(client, app, PATH, fields, key="guessed").status_code == 403
    assert client.post(PATH, data=fields).status_code == 403
    assert value(session, "SELECT count(*) FROM inbound_texts") == 0
    assert value(session, "SELECT count(*) FROM consents WHERE action = 'opt_out'") == 0


@pytest.mark.parametrize("broken", [{"MessageSid": "junk"}, {"From": "nobody@example.com"}])
def test_what_twilio_never_sends_is_400(
    client: PageClient, app: Flask, session: Session, phone: Phone, broken: dict[str, str]
) -> None:
    assert call(client, app, PATH, phone.fields("STOP") | broken).status_code == 400
    assert value(session, "SELECT count(*) FROM inbound_texts") == 0


def test_a_field_given_twice_and_an_empty_one_are_signed_over(
    client: PageClient, app: Flask, phone: Phone
) -> None:
    fields = phone.fields("hello") | {"MediaUrl0": ["b", "a", "b"], "FromZip": ""}
    assert call(client, app, PATH, fields).status_code == 200
