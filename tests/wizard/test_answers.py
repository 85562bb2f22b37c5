"""What people type, and what they are told."""

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.factories import add_area, add_slot, add_week, add_zip
from tests.pages import PageClient, Walk

NASTY = {
    "control characters": "a\x00b\x07c",
    "emoji only": "\U0001f6aa" * 3,
    "markup": "<script>alert(1)</script>",
    "template words": "{{ 7*7 }} ${x} %s",
    "overlong": "x" * 5000,
    "right to left": "\u202eabc",
}
TEXT_FIELDS = {
    "zip": ["zip_code"],
    "issue": ["issue_type", "issue_note"],
    "doors": ["door_count", "door_age"],
    "ownership": ["homeowner_status", "owner_permission"],
    "slot": ["slot_id"],
    "contact": [
        "first_name",
        "last_name",
        "email",
        "phone",
        "address_line1",
        "address_line2",
        "access_notes",
    ],
}
NEEDED = {
    "zip": ["zip_code"],
    "issue": ["issue_type"],
    "doors": ["door_age", "door_count"],
    "ownership": ["homeowner_status"],
    "slot": ["slot_id"],
    "contact": ["address_line1", "email", "first_name", "last_name", "phone"],
}
FREE_TEXT = {"issue_note", "first_name", "last_name", "address_line1", "address_line2", "access_notes"}


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "Enter a 5-digit ZIP code"),
        ("8500", "Enter a 5-digit ZIP code"),
        ("85O04", "Enter a 5-digit ZIP code"),
        ("\u0668\u0665\u0660\u0660\u0664", "Enter a 5-digit ZIP code"),
        ("99997", "find ZIP code 99997"),
        ("85001", "85001 has only PO boxes"),
    ],
)
def test_a_zip_that_cannot_be_says_why_and_keeps_what_was_typed(
    client: PageClient, session: Session, typed: str, words: str
) -> None:
    add_area(session)
    add_zip(session, "85001", "PO BOX")
    walk = Walk(client).start()
    response = walk.post("zip", {"zip_code": typed})
    assert response.status_code == 422
    assert words in walk.html
    assert f'value="{typed}"' in walk.html
    assert 'href="#zip_code"' in walk.html, "the summary leads to the field"
    assert "Error:" in walk.html.partition("</title>")[0]


def test_a_pasted_zip_plus_four_is_cut_to_five(client: PageClient, session: Session) -> None:
    add_area(session)
    walk = Walk(client).start()
    assert walk.post("zip", {"zip_code": " 85004-1234 "}).status_code == 200
    assert walk.step == "issue"


@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain forms"])
def test_outside_our_area_demand_is_recorded_and_an_email_joins_the_list(
    client: PageClient, session: Session, htmx: bool
) -> None:
    add_zip(session, "10001")
    walk = Walk(client, htmx=htmx).start("utm_source=radio")
    walk.post("zip", {"zip_code": "10001"})
    assert walk.step == "out-of-area"
    lead = session.execute(text("SELECT kind, zip_code, email FROM leads")).one()
    assert tuple(lead) == ("out_of_area", "10001", None)
    assert walk.post("out-of-area", {"email": "no address"}).status_code == 422
    walk.post("out-of-area", {"email": "Bo@Example.com"})
    assert session.execute(text("SELECT email FROM leads")).scalars().all() == ["bo@example.com"]
    assert "You're on the list" in walk.html
    types = session.execute(text("SELECT event_type FROM analytics_events")).scalars().all()
    assert types.count("out_of_area") == 1


@pytest.mark.parametrize("kind", NASTY)
@pytest.mark.parametrize(
    ("step", "name"), [(step, name) for step, names in TEXT_FIELDS.items() for name in names]
)
def test_hostile_text_is_refused_or_kept_but_never_breaks_a_page(
    client: PageClient, session: Session, step: str, name: str, kind: str
) -> None:
    add_week(session)
    walk = Walk(client).start().to(step)
    response = walk.post(step, walk.reply(step) | {name: NASTY[kind]})
    harmless = name in FREE_TEXT and kind not in {"control characters", "overlong"}
    assert response.status_code == (200 if harmless else 422), walk.html
    if not harmless:
        assert walk.step == step
        assert f'id="{name}-error"' in walk.html
    assert "<script>alert" not in walk.html


@pytest.mark.parametrize("step", list(TEXT_FIELDS))
def test_an_empty_form_names_every_field_that_is_needed(
    client: PageClient, session: Session, step: str
) -> None:
    add_week(session)
    walk = Walk(client).start().to(step)
    assert walk.post(step, {}).status_code == 422
    assert 'role="alert"' in walk.html
    fields = session.execute(
        text("SELECT event_data -> 'fields' FROM analytics_events WHERE event_type = 'step_error'")
    ).scalar_one()
    assert fields == NEEDED[step]
    assert all(f'href="#{name}"' in walk.html for name in fields)


def test_a_window_of_another_area_is_refused(client: PageClient, session: Session) -> None:
    add_week(session)
    elsewhere = add_slot(session, add_area(session, "85021"))
    walk = Walk(client).start().to("slot")
    assert walk.post("slot", {"slot_id": str(elsewhere.id)}).status_code == 422
    assert "another area" in walk.html


def test_a_window_that_went_away_is_409_with_alternatives(client: PageClient, session: Session) -> None:
    add_week(session)
    walk = Walk(client).start().to("slot")
    gone = walk.windows()[2]
    session.execute(text("UPDATE time_slots SET available = false WHERE id = :id"), {"id": gone})
    assert walk.post("slot", {"slot_id": gone}).status_code == 409
    assert walk.step == "slot"
    assert gone not in walk.windows()
    assert len(walk.windows()) > 3
    assert (
        session.execute(
            text("SELECT count(*) FROM analytics_events WHERE event_type = 'slot_lost'")
        ).scalar_one()
        == 1
    )


def test_after_a_lost_window_only_the_window_is_asked_again(client: PageClient, session: Session) -> None:
    add_week(session)
    walk = Walk(client).start().to("review")
    session.execute(text("UPDATE time_slots SET available = false WHERE held_by IS NOT NULL"))
    assert walk.submit().status_code == 409
    assert walk.step == "slot"
    walk.post("slot?change=1", walk.reply("slot"))
    assert walk.step == "review"
    assert walk.submit().status_code == 200


def test_no_open_window_offers_a_call_and_takes_a_callback(client: PageClient, session: Session) -> None:
    add_area(session)
    walk = Walk(client).start().to("slot")
    assert "No open times online" in walk.html
    assert walk.post("callback", {"first_name": "", "phone": "12"}).status_code == 422
    assert 'value="12"' in walk.html
    assert (
        walk.post("callback", {"first_name": "Ana", "phone": "602 555 0123", "note": "mornings"}).status_code
        == 200
    )
    lead = session.execute(text("SELECT kind, phone, note FROM leads")).one()
    assert tuple(lead) == ("no_slot", "+16025550123", "mornings")
    types = session.execute(text("SELECT event_type FROM analytics_events")).scalars().all()
    assert types.count("no_availability") == 1
    assert types.count("callback_requested") == 1


def test_contact_data_is_shown_only_in_the_answer_that_carried_it(
    client: PageClient, session: Session
) -> None:
    add_week(session)
    walk = Walk(client).start().to("review")
    assert "ana@example.com" in walk.html
    for step in ("review", "contact"):
        walk.get(step)
        assert "ana@example.com" not in walk.html
        assert "12 Oak" not in walk.html
        assert "Gate 4711" not in walk.html
        assert "a•••@example.com" in walk.html


def test_a_blank_keeps_an_earlier_answer_and_clear_removes_it(client: PageClient, session: Session) -> None:
    add_week(session)
    walk = Walk(client).start().to("review")
    walk.get("contact?change=1")
    walk.post("contact?change=1", {"first_name": "Eva", "clear": "access_notes", "sms_opt_in": ""})
    assert walk.step == "review"
    answers = session.execute(text("SELECT answers FROM wizard_sessions")).scalar_one()
    assert (answers["first_name"], answers["email"], answers["sms_opt_in"]) == (
        "Eva",
        "ana@example.com",
        False,
    )
    assert "access_notes" not in answers


@pytest.mark.parametrize("address", ["PO Box 12", "P.O. Box 7", "post office box 9", "Apartado Postal 3"])
def test_nobody_repairs_a_door_in_a_po_box(client: PageClient, session: Session, address: str) -> None:
    add_week(session)
    walk = Walk(client).start().to("contact")
    assert walk.post("contact", walk.reply("contact") | {"address_line1": address}).status_code == 422
    assert "PO box" in walk.html


def test_a_mistyped_email_domain_is_asked_about(client: PageClient, session: Session) -> None:
    add_week(session)
    walk = Walk(client).start().to("review", contact={"email": "ana@gmial.com"})
    assert "Did you mean gmail.com?" in walk.html


def test_a_renter_is_asked_and_an_owner_is_not_remembered_as_one(
    client: PageClient, session: Session
) -> None:
    add_week(session)
    Walk(client).start().to("done", ownership={"homeowner_status": "renter", "owner_permission": "no"})
    row = session.execute(text("SELECT homeowner_status, owner_permission FROM bookings")).one()
    assert tuple(row) == ("renter", "no")


def test_an_emergency_shows_the_call_and_the_safety_card(client: PageClient, session: Session) -> None:
    add_week(session)
    walk = Walk(client).start("issue=off_track").to("issue")
    assert "data-emergency" in walk.html
    assert "Call 911 first" in walk.html
    assert 'href="tel:+16025550142"' in walk.html
