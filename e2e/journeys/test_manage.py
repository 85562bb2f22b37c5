"""The link in the text message: see the visit, put it into a calendar, cancel it."""

from playwright.sync_api import expect

from e2e.evidence import Evidence, wait_for
from e2e.pages.wizard import open_booking
from e2e.visitor import Visitor


def test_the_link_in_the_text_message_shows_and_cancels_the_visit(
    visitor: Visitor, base: str, evidence: Evidence
) -> None:
    wizard = open_booking(visitor.page, base)
    reference = wizard.book()
    wizard.shows_status("confirmed")
    booking = evidence.booking(reference)
    evidence.settled_jobs(booking["id"])
    link = evidence.manage_link(reference)
    assert link.startswith(f"{base}/manage/")

    page = visitor.context.new_page()
    page.goto(link)
    expect(page.locator("[data-status]")).to_have_attribute("data-status", "confirmed")
    expect(page.locator("[data-reference]")).to_have_attribute("data-reference", reference)
    with page.expect_download() as download:
        page.get_by_role("link", name="Add to calendar").click()
    calendar = download.value.path().read_text(encoding="utf-8")
    assert calendar.count("BEGIN:VEVENT") == 1
    assert reference in calendar
    assert booking["preferred_time"].strftime("%Y%m%dT%H%M%SZ") in calendar or "DTSTART;TZID=" in calendar

    page.get_by_text("Cancel this visit").click()
    page.locator("label:has(input[value=fixed])").click()
    page.get_by_role("button", name="Cancel my visit").click()
    expect(page.locator("[data-status]")).to_have_attribute("data-status", "cancelled")

    after = evidence.booking(reference)
    assert after["status"] == "cancelled"
    (history,) = evidence.rows(
        "SELECT * FROM booking_status_history WHERE booking_id = :id AND to_status = 'cancelled'",
        id=after["id"],
    )
    assert history["reason"] == "fixed"
    slot = evidence.slot(booking["time_slot_id"])
    assert (slot["booking_id"], slot["available"]) == (None, True)
    wait_for(
        lambda: ("servicetitan", "cancel") in evidence.effects(after), what="a cancelled job in ServiceTitan"
    )
    evidence.settled_jobs(after["id"])
    effects = {kind: sum(e["count"] for e in found) for kind, found in evidence.effects(after).items()}
    assert effects == {
        ("servicetitan", "job"): 1,
        ("servicetitan", "cancel"): 1,
        ("klaviyo", "event"): 2,
        ("twilio", "message"): 2,
    }

    wizard.page.reload()
    wizard.is_on("done").shows_status("cancelled")


def test_looking_at_the_link_changes_nothing(visitor: Visitor, base: str, evidence: Evidence) -> None:
    reference = open_booking(visitor.page, base).book()
    booking = evidence.booking(reference)
    evidence.settled_jobs(booking["id"])
    link = evidence.manage_link(reference)
    visitor.watch.expect("405|404")
    for path in ("", "/cancel", "/visit.ics"):
        visitor.page.request.get(link + path)
    assert evidence.booking(reference)["status"] == "confirmed"
