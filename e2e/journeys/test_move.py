"""Picking another time by the link in the message, on a phone, with script and without."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import RowMapping

from e2e.audit import audit, overflows
from e2e.evidence import Evidence, wait_for
from e2e.pages.manage import Manage
from e2e.pages.wizard import open_booking
from e2e.visitor import Visitor

PHONE = {"width": 390, "height": 844}


def booked(visitor: Visitor, base: str, evidence: Evidence, query: str = "") -> tuple[RowMapping, Manage]:
    """Book, wait until it is confirmed there, and open the link of the text message."""
    reference = open_booking(visitor.page, base, query).book()
    evidence.settled_jobs(evidence.booking(reference)["id"])
    page = Manage(visitor.context.new_page(), evidence.manage_link(reference))
    return evidence.booking(reference), page.open()


def stands_at(evidence: Evidence, booking: RowMapping) -> tuple[Any, Any]:
    """The window of the booking now, and the slot it has."""
    now = evidence.booking(booking["reference"])
    return now["preferred_time"], now["time_slot_id"]


@pytest.mark.parametrize("script", [True, False])
def test_a_visit_is_moved_by_phone(
    arrive: Callable[..., Visitor], base: str, evidence: Evidence, script: bool
) -> None:
    visitor = arrive(viewport=PHONE, java_script_enabled=script)
    before, manage = booked(visitor, base, evidence)
    manage.shows_status("confirmed")
    chosen = manage.look_for_another().pick()
    manage.press()
    manage.is_on("manage").shows_status("confirmed")
    expect(manage.notice).to_contain_text("your visit was moved")
    assert manage.page.url.partition("?")[0] == manage.link
    if script:
        expect(manage.notice).to_be_focused()

    after = evidence.booking(before["reference"])
    assert (str(after["time_slot_id"]), after["version"]) == (chosen, 2)
    assert evidence.slot(before["time_slot_id"])["available"]
    jobs = evidence.settled_jobs(after["id"])
    assert {job["status"] for job in jobs} == {"completed"}
    assert [job["outcome"] for job in jobs if job["job_type"] == "servicetitan.move_job"] == ["ok"]
    moved = [text for text in evidence.texts(before["reference"]) if "now" in text["body"]]
    assert len(moved) == 1
    effects = {kind: sum(e["count"] for e in found) for kind, found in evidence.effects(after).items()}
    assert effects[("servicetitan", "job")] == 1
    assert ("servicetitan", "cancel") not in effects

    manage.page.reload()
    manage.shows_status("confirmed")
    expect(manage.root).to_contain_text("on our schedule")
    with manage.page.expect_download() as download:
        manage.page.get_by_role("link", name="Add to calendar").click()
    calendar = download.value.path().read_text(encoding="utf-8")
    assert after["preferred_time"].strftime("%Y%m%dT%H%M%SZ") in calendar
    assert "SEQUENCE:2" in calendar


def test_a_window_that_somebody_takes_meanwhile_leaves_the_old_one(
    visitor: Visitor, base: str, evidence: Evidence
) -> None:
    visitor.watch.expect("409")
    before, manage = booked(visitor, base, evidence)
    chosen = manage.look_for_another().pick()
    evidence.change("UPDATE time_slots SET available = false WHERE id = :id", id=chosen)
    manage.press()
    expect(manage.notice).to_contain_text("You keep your old one")
    expect(manage.notice).to_be_focused()
    assert stands_at(evidence, before) == (before["preferred_time"], before["time_slot_id"])
    evidence.change("UPDATE time_slots SET available = true WHERE id = :id", id=chosen)
    again = manage.pick(2)
    manage.press()
    expect(manage.notice).to_contain_text("your visit was moved")
    wait_for(lambda: str(stands_at(evidence, before)[1]) == again, what="the second choice")


def test_its_own_window_is_marked_and_choosing_it_changes_nothing(
    visitor: Visitor, base: str, evidence: Evidence
) -> None:
    before, manage = booked(visitor, base, evidence)
    manage.look_for_another()
    day = manage.page.locator(f'label.day:has(input[value="{slot_day(evidence, before)}"])')
    day.click()
    expect(manage.own).to_be_visible()
    manage.own.click()
    manage.press()
    expect(manage.notice).to_contain_text("Nothing was changed")
    assert evidence.booking(before["reference"])["version"] == 1


def slot_day(evidence: Evidence, booking: RowMapping) -> str:
    """The local day of the booking's window."""
    return str(evidence.slot(booking["time_slot_id"])["slot_date"])


def test_no_choice_is_named_and_back_leads_back(visitor: Visitor, base: str, evidence: Evidence) -> None:
    visitor.watch.expect("422")
    _, manage = booked(visitor, base, evidence)
    manage.look_for_another().press()
    expect(manage.page.locator(".note.bad[data-focus]")).to_be_focused()
    assert manage.page.title().startswith("Error: ")
    manage.page.get_by_role("link", name="Back", exact=True).click()
    manage.is_on("manage")
    manage.page.go_back()
    manage.is_on("move")


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_pages_of_a_move_are_for_everyone(
    visitor: Visitor, base: str, evidence: Evidence, language: str
) -> None:
    visitor.watch.expect("422")
    _, manage = booked(visitor, base, evidence, f"lang={language}")
    page, found = manage.page, []
    page.goto(f"{manage.link}/move")
    found += audit(page, "move") + overflows(page, "move")
    page.locator("button[type=submit]").click()
    page.locator(".note.bad[data-focus]").wait_for()
    found += audit(page, "move, no choice") + overflows(page, "move, no choice")
    page.locator("label.chip:has(input[name=slot_id]):visible").first.click()
    page.locator("button[type=submit]").click()
    manage.is_on("manage")
    found += audit(page, "moved") + overflows(page, "moved")
    assert found == []
