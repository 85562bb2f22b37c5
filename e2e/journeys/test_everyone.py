"""Every page for everyone: axe finds nothing, in light and dark, on its own and in a frame; nothing scrolls sideways."""

from collections.abc import Callable, Mapping

import pytest

from e2e.audit import audit, overflows
from e2e.evidence import Evidence, wait_for
from e2e.pages.host import Host
from e2e.pages.staff import Office
from e2e.pages.wizard import ANA, STEPS, Person, Wizard, open_booking
from e2e.visitor import Visitor

LONG = Person(
    "Maximiliana-Alexandrina",
    "Wolfeschlegelsteinhausenbergerdorff",
    "maximiliana.alexandrina.wolfeschlegelstein@subdomain.example.com",
    address_line1="12345 North Extraordinarily Long Boulevard of the Desert",
)
OFFICE = (
    "", "bookings", "jobs", "slots", "leads", "texts", "messages", "reports/", "partners", "operations", "integrity", "audit", "embed"
)  # fmt: skip


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_step_is_for_everyone(visitor: Visitor, base: str, evidence: Evidence, language: str) -> None:
    visitor.watch.expect("422")
    wizard = open_booking(visitor.page, base, f"lang={language}", person=LONG)
    found = walk_and_audit(wizard)
    reference = wizard.reference
    wizard.shows_status("confirmed")
    found += audit(visitor.page, "confirmed")

    evidence.settled_jobs(evidence.booking(reference)["id"])
    visitor.page.goto(evidence.manage_link(reference))
    visitor.page.locator("details summary").click()
    found += audit(visitor.page, "manage") + overflows(visitor.page, "manage")
    assert found == []


def test_every_step_is_for_everyone_in_a_frame(
    arrive: Callable[..., Visitor],
    env: Mapping[str, str],
    evidence: Evidence,
) -> None:
    visitor = arrive(viewport={"width": 390, "height": 844})
    visitor.watch.expect("422")
    host = Host(visitor.page, env["DEMO_PARTNER_URL"])
    wizard = host.wizard(ANA)
    assert walk_and_audit(wizard, settle=lambda: host.fits(wizard)) == []


def walk_and_audit(wizard: Wizard, settle: Callable[[], None] = lambda: None) -> list[str]:
    """Look at each step as it is, and with its mistakes; then at the page after booking.

    A frame needs a moment to settle after each look: no person changes the width of their screen just before a press.
    """
    found = []
    for step in (*STEPS, "done"):
        wizard.is_on(step)
        found += look(wizard, step)
        settle()
        if step not in ("review", "done"):
            wizard.press(step)
            wizard.summary.wait_for()
            found += look(wizard, f"{step} with a mistake")
            settle()
        if step != "done":
            wizard.answer(step)
            settle()
            wizard.press(step)
    return found


def look(wizard: Wizard, where: str) -> list[str]:
    """Audit what is shown, at all widths."""
    return audit(wizard.page, where, wizard.frame) + overflows(wizard.page, where, wizard.frame)


def test_the_pages_beside_the_steps_are_for_everyone(visitor: Visitor, base: str, evidence: Evidence) -> None:
    visitor.watch.expect("404|409|410")
    wizard = open_booking(visitor.page, base, zip_code="10001")
    wizard.answer("zip")
    wizard.press()
    found = look(wizard.is_on("out-of-area"), "out of area")
    wizard = open_booking(visitor.page, base).walk_to("issue")
    wizard.option("issue_type", "door_stuck_open").click()
    found += look(wizard, "emergency")
    wizard.walk_to("slot")
    slot_id = wizard.pick_window()
    evidence.change(
        "UPDATE time_slots SET available = false, closed_reason = 'staff' WHERE id = :id", id=slot_id
    )
    wizard.press()
    wizard.notice.wait_for()
    found += look(wizard, "window taken")
    visit = evidence.latest_visit()["id"]
    evidence.change(
        "UPDATE wizard_sessions SET expires_at = now() - interval '1 minute' WHERE id = :id", id=visit
    )
    visitor.page.reload()
    for path in ("", "/w/junk/zip", "/privacy", "/terms", "/sms-terms"):
        if path:
            visitor.page.goto(base + path)
        found += audit(visitor.page, path or "expired") + overflows(visitor.page, path or "expired")
    assert found == []


def test_the_offices_pages_are_for_everyone(
    arrive: Callable[..., Visitor], base: str, env: Mapping[str, str], evidence: Evidence
) -> None:
    visitor = arrive(viewport={"width": 1280, "height": 800})
    reference = open_booking(visitor.page, base).book()
    booking = evidence.booking(reference)["id"]
    wait_for(lambda: evidence.settled_jobs(booking))
    visitor.page.goto(f"{base}/staff/login")
    found = audit(visitor.page, "login") + overflows(visitor.page, "login")
    office = Office(visitor.page, base).log_in(env["STAFF_EMAIL"], env["STAFF_PASSWORD"])
    office.go("reports/")
    reports = visitor.page.locator("main a[href*='/staff/reports/']").evaluate_all(
        "links => [...new Set(links.map(link => link.pathname))].filter(path => !path.endsWith('.csv'))"
    )
    some = (path.removeprefix("/staff/") for path in reports[::4])
    for path in (*OFFICE, f"bookings/{reference}", *some):
        office.go(path)
        found += audit(visitor.page, path or "overview") + overflows(visitor.page, path or "overview")
    assert found == []
    assert len(reports) >= 4
