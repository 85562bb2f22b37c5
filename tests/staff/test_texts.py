"""The office reads what homeowners text, and stops ours for those who ask in another way."""

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking import inbound
from app.booking.inbound import Inbound
from app.config import Settings
from app.models.staff import Role
from app.notifications import ledger
from app.notifications.caps import Ceilings
from app.notifications.recipients import phone_hash
from app.staff import texts
from tests.pages import PageClient
from tests.staff.office import book, enter, follow, send, value

PHONE = "+16025550123"


def write(session: Session, settings: Settings, body: str, sender: str = PHONE) -> str:
    """Let a homeowner write; return the id of the text."""
    sid = f"SM{value(session, 'SELECT count(*) FROM inbound_texts'):032x}"
    inbound.receive(session, Inbound(sid, sender, body), settings.privacy_hash_key, Ceilings.of(settings))
    return value(session, "SELECT id FROM inbound_texts WHERE provider_sid = :sid", sid=sid)


def test_a_text_waits_until_somebody_dealt_with_it(
    client: PageClient, session: Session, settings: Settings
) -> None:
    reference = book(session, settings)
    known = write(session, settings, "Is the <dog> a problem?")
    enter(client, session, Role.DISPATCHER)
    page = client.get("/staff/texts").text
    assert "Is the &lt;dog&gt; a problem?" in page
    assert reference in page
    assert "Ana Ruiz" in page
    said = follow(client, send(client, f"/staff/texts/{known}"))
    assert "Done, the text is off the list." in said
    assert "No texts here" in said
    assert "Robin Dispatcher" in client.get("/staff/texts?status=handled").text
    assert value(session, "SELECT count(*) FROM audit_log WHERE action = 'text_handled'") == 1
    assert "dealt with already" in follow(client, send(client, f"/staff/texts/{known}"))


def test_what_took_effect_by_itself_waits_for_nobody(
    client: PageClient, session: Session, settings: Settings
) -> None:
    book(session, settings)
    for body in ("C", "STOP", "wrong number"):
        write(session, settings, body)
    enter(client, session, Role.VIEWER)
    page = client.get("/staff/texts").text
    assert "wrong number" in page
    assert '<td class="long">C</td>' not in page
    handled = client.get("/staff/texts?status=handled").text
    assert "By itself" in handled
    assert "Will be there" in handled


def test_the_booking_tells_what_was_texted_and_that_texts_are_stopped(
    client: PageClient, session: Session, settings: Settings
) -> None:
    reference = book(session, settings)
    for body in ("C", "Ring twice", "please stop texting me"):
        write(session, settings, body)
    enter(client, session)
    page = client.get(f"/staff/bookings/{reference}").text
    for words in ("Ring twice", "wrote it in own words", "Will be there", "What they texted"):
        assert words in page


def test_a_stranger_is_shown_without_a_number(
    client: PageClient, session: Session, settings: Settings
) -> None:
    write(session, settings, "Who is this?", "+16025550198")
    enter(client, session)
    page = client.get("/staff/texts").text
    assert "A number we never texted" in page
    assert "0198" not in page


def test_the_office_stops_texts_for_somebody_who_called(
    client: PageClient, session: Session, settings: Settings
) -> None:
    book(session, settings)
    enter(client, session, Role.DISPATCHER)
    hashed = phone_hash(PHONE, settings.privacy_hash_key)
    said = follow(client, send(client, "/staff/texts/stop", phone="602 555 0123", reason="On the phone"))
    assert "Nothing more is texted to this number" in said
    assert ledger.is_opted_out(session, hashed)
    row = session.execute(text("SELECT method, actor FROM consents WHERE action = 'opt_out'")).one()
    assert row.method == "staff"
    assert row.actor.startswith("staff:")
    line = session.execute(text("SELECT object, reason FROM audit_log WHERE action = 'texts_stop'")).one()
    assert (line.object, line.reason) == (f"phone:{hashed.hex()[:16]}", "On the phone")
    assert "already" in follow(client, send(client, "/staff/texts/stop", phone=PHONE, reason="again"))
    assert value(session, "SELECT count(*) FROM consents WHERE action = 'opt_out'") == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"phone": "12", "reason": "On the phone"}, "not a US phone number"),
        ({"phone": PHONE, "reason": " "}, "say how they asked"),
    ],
)
def test_a_stop_needs_a_number_and_a_reason(
    client: PageClient, session: Session, fields: dict[str, str], said: str
) -> None:
    enter(client, session, Role.DISPATCHER)
    assert said in follow(client, send(client, "/staff/texts/stop", **fields))
    assert value(session, "SELECT count(*) FROM consents") == 0


def test_a_viewer_only_looks(client: PageClient, session: Session, settings: Settings) -> None:
    known = write(session, settings, "Hello?")
    enter(client, session, Role.VIEWER)
    assert "Stop texts" not in client.get("/staff/texts").text
    assert send(client, f"/staff/texts/{known}").status_code == 403
    assert send(client, "/staff/texts/stop", phone=PHONE, reason="On the phone").status_code == 403
    assert not ledger.is_opted_out(session, phone_hash(PHONE, settings.privacy_hash_key))


def test_older_texts_are_one_link_away(
    client: PageClient, session: Session, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "PAGE_SIZE", 2)
    for number in range(3):
        write(session, settings, f"text number {number}")
    enter(client, session)
    page = client.get("/staff/texts").text
    assert "text number 2" in page
    assert "text number 0" not in page
    older = page.partition("/staff/texts?status=open&amp;before=")[2].partition('"')[0]
    assert "text number 0" in client.get(f"/staff/texts?status=open&before={older}").text
