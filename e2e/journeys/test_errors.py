"""What can go wrong for a visitor, and that the page always says what to do next and keeps what was typed."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from e2e.evidence import Evidence
from e2e.pages.wizard import ANA, Person, Wizard, open_booking
from e2e.visitor import Visitor

OUTSIDE, PO_BOX, NO_SUCH = "10001", "85001", "00000"


@pytest.mark.parametrize(
    ("zip_code", "says"),
    [("85 018x", "5-digit ZIP"), (PO_BOX, "PO box"), (NO_SUCH, "can't find")],
)
def test_a_zip_code_we_cannot_use_is_explained(visitor: Visitor, base: str, zip_code: str, says: str) -> None:
    visitor.watch.expect("422")
    wizard = open_booking(visitor.page, base)
    wizard.field("zip_code").fill(zip_code)
    wizard.press()
    expect(wizard.summary).to_contain_text(says)
    expect(wizard.summary).to_be_focused()
    assert visitor.page.title().startswith("Error: ")
    assert wizard.field("zip_code").input_value() == zip_code


def test_mistakes_in_the_contact_data_are_named_and_the_rest_is_kept(visitor: Visitor, base: str) -> None:
    visitor.watch.expect("422")
    wizard = open_booking(visitor.page, base).walk_to("contact")
    wizard.give_contact(email="ana@", phone="12")
    wizard.press()
    expect(wizard.summary.locator("a")).to_have_count(2)
    expect(wizard.summary).to_be_focused()
    assert wizard.field("email").input_value() == "ana@"
    assert wizard.field("first_name").input_value() == ANA.first_name
    assert visitor.page.title().startswith("Error: ")
    wizard.field("email").fill(ANA.email)
    wizard.field("phone").fill(ANA.phone)
    wizard.press()
    wizard.is_on("review")
    assert not visitor.page.title().startswith("Error")


def test_an_empty_contact_form_names_all_that_is_missing_at_once(visitor: Visitor, base: str) -> None:
    visitor.watch.expect("422")
    wizard = open_booking(visitor.page, base).walk_to("contact")
    wizard.field("email").fill("ana@")
    wizard.press()
    expect(wizard.summary.locator("a")).to_have_count(5)
    named = wizard.summary.locator("a").evaluate_all("links => links.map(link => link.hash)")
    assert named == ["#first_name", "#last_name", "#phone", "#email", "#address_line1"]


def test_without_a_choice_no_step_goes_on(visitor: Visitor, base: str) -> None:
    visitor.watch.expect("422")
    wizard = open_booking(visitor.page, base)
    for step in ("zip", "issue", "doors", "ownership", "slot", "contact"):
        wizard.is_on(step).press()
        expect(wizard.summary).to_be_focused()
        wizard.summary.get_by_role("link").first.click()
        assert wizard.focused.evaluate("element => element.matches('input, textarea')"), (
            f"{step}: the link leads nowhere"
        )
        wizard.answer(step)
        wizard.press()
    wizard.is_on("review")


def test_offline_keeps_what_was_typed_and_tries_again(visitor: Visitor, base: str) -> None:
    visitor.watch.expect("ERR_INTERNET_DISCONNECTED|htmx:(sendError|afterRequest)")
    wizard = open_booking(visitor.page, base)
    wizard.answer("zip")
    visitor.context.set_offline(True)
    wizard.press()
    alarm = wizard.frame.get_by_role("alert").filter(has_text="couldn't reach our server")
    expect(alarm).to_be_visible()
    assert wizard.field("zip_code").input_value() == wizard.zip_code
    visitor.context.set_offline(False)
    alarm.get_by_role("button", name="Try again").click()
    wizard.is_on("issue")
    expect(alarm).to_be_hidden()


def test_a_window_that_somebody_else_took_is_replaced_by_another(
    visitor: Visitor, arrive: Callable[..., Visitor], base: str, evidence: Evidence
) -> None:
    visitor.watch.expect("409")
    wizard = open_booking(visitor.page, base).walk_to("slot")
    lost = wizard.pick_window()
    wizard.press()
    wizard.is_on("contact").walk_to("review")
    evidence.release_holds()
    rio = Person(first_name="Rio", email="rio@example.com")
    rival = open_booking(arrive().page, base, person=rio, zip_code=wizard.zip_code)
    rival.walk_to("slot")
    assert rival.pick_window() == lost
    rival.press()
    rival.is_on("contact").book()

    wizard.press()
    expect(wizard.is_on("slot").notice).to_contain_text("just taken")
    expect(wizard.notice).to_be_focused()
    assert wizard.frame.url.endswith("/slot")
    chosen = wizard.pick_window()
    assert chosen != lost
    wizard.press()
    booking = evidence.booking(wizard.is_on("review").book())
    assert str(booking["time_slot_id"]) == chosen
    assert (booking["contact_email"], booking["access_notes"]) == (ANA.email, ANA.access_notes)
    kinds = [event["event_type"] for event in evidence.events(booking["session_id"])]
    assert kinds.count("slot_lost") == 1


def test_a_window_that_is_gone_before_it_is_pressed_is_refused_on_the_spot(
    visitor: Visitor, base: str, evidence: Evidence
) -> None:
    visitor.watch.expect("409")
    wizard = open_booking(visitor.page, base, zip_code="85251").walk_to("slot")
    slot_id = wizard.pick_window()
    evidence.change(
        "UPDATE time_slots SET available = false, closed_reason = 'staff' WHERE id = :id", id=slot_id
    )
    wizard.press()
    expect(wizard.notice).to_contain_text("just taken")
    assert wizard.pick_window() != slot_id
    wizard.press()
    wizard.is_on("contact")


def test_outside_our_area_there_is_a_waiting_list(visitor: Visitor, base: str, evidence: Evidence) -> None:
    visitor.watch.expect("422")
    wizard = open_booking(visitor.page, base, zip_code=OUTSIDE)
    wizard.answer("zip")
    wizard.press()
    wizard.is_on("out-of-area")
    expect(wizard.frame.locator("h1")).to_be_focused()
    expect(wizard.frame.locator("h1")).to_contain_text(OUTSIDE)
    wizard.field("email").fill("nobody")
    wizard.press()
    expect(wizard.summary).to_be_focused()
    wizard.field("email").fill("nina@example.com")
    wizard.press()
    expect(wizard.root).to_contain_text("on the list")
    (lead,) = evidence.leads(evidence.latest_visit()["id"])
    assert (lead["kind"], lead["zip_code"], lead["email"]) == ("out_of_area", OUTSIDE, "nina@example.com")
    kinds = [event["event_type"] for event in evidence.events(lead["session_id"])]
    assert kinds.count("out_of_area") == 1

    wizard.frame.get_by_role("link", name="Try another ZIP code").click()
    Wizard(visitor.page).is_on("zip").walk_to("doors")


def test_whoever_finds_no_window_can_be_called(visitor: Visitor, base: str, evidence: Evidence) -> None:
    wizard = open_booking(visitor.page, base).walk_to("slot")
    ask_for_a_call(wizard, "(602) 555-0191")
    (lead,) = evidence.leads(evidence.latest_visit()["id"])
    assert (lead["kind"], lead["phone"]) == ("callback", "+16025550191")
    wizard.walk_to("contact")


def test_a_full_calendar_offers_the_phone_and_a_call(visitor: Visitor, base: str, evidence: Evidence) -> None:
    full = "85331"
    area = "(SELECT id FROM service_areas WHERE zip_code = :zip)"
    evidence.change(
        f"UPDATE time_slots SET available = false, closed_reason = 'staff' WHERE service_area_id = {area}",
        zip=full,
    )
    wizard = open_booking(visitor.page, base, zip_code=full).walk_to("slot")
    expect(wizard.frame.locator("h1")).to_contain_text("No open times")
    visit = evidence.latest_visit()["id"]
    assert "no_availability" in [event["event_type"] for event in evidence.events(visit)]
    ask_for_a_call(wizard, "(602) 555-0192")
    (lead,) = evidence.leads(visit)
    assert (lead["kind"], lead["phone"]) == ("no_slot", "+16025550192")


def ask_for_a_call(wizard: Wizard, phone: str) -> None:
    """Leave a number on the slot step."""
    form = wizard.form("callback")
    if not form.is_visible():
        wizard.frame.locator("summary", has_text="call you").click()
    form.locator("[name=first_name]").fill("Cal")
    form.locator("[name=phone]").fill(phone)
    form.get_by_role("button").click()
    expect(wizard.notice).to_contain_text("call you")
    wizard.is_on("slot")


def test_a_visit_that_ended_starts_again_with_its_campaign(
    visitor: Visitor, base: str, evidence: Evidence
) -> None:
    visitor.watch.expect("410")
    wizard = open_booking(visitor.page, base, "utm_source=radio&gclid=late1").walk_to("doors")
    first = evidence.latest_visit()["id"]
    evidence.change(
        "UPDATE wizard_sessions SET expires_at = now() - interval '1 minute' WHERE id = :id", id=first
    )
    wizard.answer("doors")
    wizard.press()
    expect(wizard.frame.locator("h1")).to_contain_text("expired")
    wizard.frame.get_by_role("link", name="Start again").click()
    wizard.is_on("zip")
    fresh = evidence.latest_visit()
    assert fresh["id"] != first
    assert (fresh["last_touch"]["utm_source"], fresh["last_touch"]["gclid"]) == ("radio", "late1")


def test_an_emergency_offers_the_phone_before_going_on(
    visitor: Visitor, base: str, evidence: Evidence
) -> None:
    wizard = open_booking(visitor.page, base).walk_to("issue")
    card = wizard.frame.locator(".note.safety")
    expect(card).to_be_hidden()
    wizard.option("issue_type", "door_stuck_open").click()
    expect(card).to_be_visible()
    expect(card.locator("a[href^='tel:']")).to_be_visible()
    with visitor.page.expect_request("**/call"):
        card.locator("a[href^='tel:']").click()
    visitor.page.wait_for_timeout(200)
    visit = evidence.latest_visit()["id"]
    assert "call_clicked" in [event["event_type"] for event in evidence.events(visit)]
