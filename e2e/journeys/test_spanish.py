"""The whole booking in Spanish, with messages and consent in the same language."""

import re

from playwright.sync_api import expect

from e2e.evidence import Evidence
from e2e.pages.wizard import STEPS, Person, open_booking
from e2e.visitor import Visitor

HEADINGS = {
    "zip": "¿Dónde está la cochera?",
    "review": "Revise sus respuestas",
}
ENGLISH = re.compile(
    r"\b(the|your|please|continue|door|window|booking|check|street|when|what|call)\b", re.IGNORECASE
)


def test_a_booking_in_spanish_speaks_spanish_to_the_end(
    visitor: Visitor, base: str, evidence: Evidence
) -> None:
    person = Person("José", "Núñez", "jose.nunez@example.com", "(602) 555-0188", "4512 E Roble")
    wizard = open_booking(visitor.page, base, person=person)
    wizard.frame.get_by_role("link", name="Español").click()
    expect(wizard.frame.locator("html")).to_have_attribute("lang", "es")
    for step in STEPS:
        wizard.is_on(step)
        assert found_english(wizard.frame.locator("main").inner_text()) == [], step
        wizard.answer(step)
        wizard.press(step)
    wizard.is_on("done").shows_status("confirmed")
    assert found_english(wizard.frame.locator("main").inner_text()) == []

    booking = evidence.booking(wizard.reference)
    assert booking["locale"] == "es"
    assert evidence.settled_jobs(booking["id"])
    (text,) = evidence.texts(wizard.reference)
    assert "visita confirmada" in text["body"].lower()
    (mail,) = evidence.effects(booking)["klaviyo", "event"]
    assert mail["data"]["properties"]["locale"] == "es"
    (consent,) = evidence.rows("SELECT * FROM consents WHERE booking_id = :id", id=booking["id"])
    assert consent["locale"] == "es"
    walked = {
        event["event_data"].get("locale")
        for event in evidence.events(booking["session_id"])
        if event["step"] == "done"
    }
    assert walked == {"es"}


def test_an_error_and_the_way_back_to_english_keep_the_answers(visitor: Visitor, base: str) -> None:
    visitor.watch.expect("422")
    wizard = open_booking(visitor.page, base, "lang=es").walk_to("doors")
    wizard.press()
    expect(wizard.summary).to_be_visible()
    assert found_english(wizard.summary.inner_text()) == []
    wizard.frame.get_by_role("link", name="English").click()
    expect(wizard.frame.locator("html")).to_have_attribute("lang", "en")
    wizard.is_on("doors").walk_to("slot")


def found_english(words: str) -> list[str]:
    """English words that a Spanish page cannot hold."""
    return ENGLISH.findall(words)
