"""The same booking in a browser that runs no script at all."""

from collections import Counter
from collections.abc import Callable

from playwright.sync_api import expect

from e2e.evidence import Evidence, wait_for
from e2e.pages.wizard import ANA, STEPS, Wizard, open_booking
from e2e.visitor import Visitor


def test_everything_can_be_booked_without_script(
    arrive: Callable[..., Visitor], base: str, evidence: Evidence
) -> None:
    visitor = arrive(java_script_enabled=False, viewport={"width": 390, "height": 844})
    wizard = open_booking(visitor.page, base, "utm_source=flyer&gclid=noscript1").walk_to("review")
    shown = wizard.root.inner_text()
    assert [word for word in ANA.secrets if word in shown] == [], "a GET shows contact data in full"
    assert "a•••@example.com" in shown

    wizard.press()
    reference = wizard.is_on("done").reference
    wait_for(lambda: evidence.booking(reference)["status"] == "confirmed", what="a confirmed booking")
    visitor.page.reload()
    wizard.shows_status("confirmed")

    visit = evidence.booking(reference)["session_id"]
    assert Counter(evidence.steps(visit, "step_completed")) == Counter(STEPS)
    assert Counter(evidence.steps(visit, "step_viewed")) == Counter((*STEPS, "done", "done"))
    assert {event["gclid"] for event in evidence.events(visit)} == {"noscript1"}
    jobs = evidence.settled_jobs(evidence.booking(reference)["id"])
    assert {job["status"] for job in jobs} == {"completed"}


def test_a_wrong_answer_without_script_is_named_and_kept(arrive: Callable[..., Visitor], base: str) -> None:
    visitor = arrive(java_script_enabled=False)
    visitor.watch.expect("422")
    wizard = open_booking(visitor.page, base)
    wizard.field("zip_code").fill("8501")
    wizard.press()
    expect(wizard.summary).to_contain_text("5-digit ZIP")
    assert visitor.page.title().startswith("Error: ")
    assert wizard.field("zip_code").input_value() == "8501"


def test_every_day_can_be_reached_without_script(arrive: Callable[..., Visitor], base: str) -> None:
    visitor = arrive(java_script_enabled=False)
    wizard = open_booking(visitor.page, base).walk_to("slot")
    wizard.frame.locator("label.day:has(input:enabled)").nth(2).click()
    legend = wizard.frame.locator(".slots legend:visible")
    expect(legend).to_have_count(1)
    wizard.frame.locator(".slots label:visible").first.click()
    wizard.press()
    assert wizard.is_on("contact")
    assert legend_day(wizard) in wizard.root.inner_text()


def legend_day(wizard: Wizard) -> str:
    """The day of the chosen window as the step shows it again."""
    wizard.page.go_back()
    text = wizard.is_on("slot").frame.locator(".slots legend:visible").first.inner_text()
    wizard.page.go_forward()
    wizard.is_on("contact")
    return text
