"""Pictures of every page of a running `./run`: phone and desktop, light and dark, English and Spanish.

It books a few visits, because most pages only exist for somebody who does.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from e2e import browsers
from e2e.evidence import Evidence
from e2e.pages.host import Host
from e2e.pages.staff import Office
from e2e.pages.wizard import ANA, STEPS, Wizard, open_booking
from sandbox import envfile

ENV_FILE = Path(__file__).resolve().parents[1] / ".local" / "env"
SIZES = (ViewportSize(width=390, height=844), ViewportSize(width=1280, height=800))
LANGUAGES = ("en", "es")
OFFICE = (
    "",
    "bookings",
    "jobs",
    "jobs?show=done",
    "slots",
    "leads",
    "texts",
    "messages",
    "operations",
    "integrity",
    "partners",
    "partners/direct",
    "embed",
    "audit",
    "bookings/ABCDEFGH",
)


@dataclass(frozen=True)
class Studio:
    """One browser window of one size, and the folder that its pictures go to."""

    page: Page
    env: Mapping[str, str]
    evidence: Evidence
    out: Path
    label: str

    def shoot(self, name: str) -> None:
        """Take the page as it is, in light and in dark."""
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            path = self.out / f"{name}-{self.label}-{scheme}.png"
            self.page.screenshot(path=path, full_page=True)
        print(f"{name}-{self.label}")


def main(arguments: list[str] | None = None) -> int:
    """Take all pictures."""
    parser = argparse.ArgumentParser(prog="python -m e2e.screenshots", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--env", type=Path, default=ENV_FILE, help="env file of the running product")
    options = parser.parse_args(arguments)
    env = envfile.read(options.env)
    if "PUBLIC_BASE_URL" not in env:
        print(f"Nothing runs: {options.env} is missing. Start ./run first.", file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver, browsers.launch(driver) as browser:
        for size in SIZES:
            for language in LANGUAGES:
                with studio(browser, size, env, options.out, language) as taken:
                    shoot_booking(taken, language)
            with studio(browser, size, env, options.out, "en") as taken:
                shoot_detours(taken)
                shoot_host(taken)
                shoot_office(taken)
    return 0


@contextmanager
def studio(
    browser: Browser, size: ViewportSize, env: Mapping[str, str], out: Path, language: str
) -> Iterator[Studio]:
    """Open a window."""
    context = browsers.open_context(browser, viewport=size)
    evidence = Evidence(env)
    try:
        yield Studio(context.new_page(), env, evidence, out, f"{size['width']}-{language}")
    finally:
        evidence.close()
        context.close()


def shoot_booking(studio: Studio, language: str) -> None:
    """Walk through a booking to the manage page."""
    wizard = open_booking(studio.page, studio.env["PUBLIC_BASE_URL"], f"lang={language}")
    for number, step in enumerate(STEPS, 1):
        wizard.is_on(step).answer(step)
        studio.shoot(f"{number}-{step}")
        wizard.press(step)
    wizard.is_on("done").shows_status("confirmed")
    studio.shoot("8-done")
    studio.evidence.settled_jobs(studio.evidence.booking(wizard.reference)["id"])
    studio.page.goto(studio.evidence.manage_link(wizard.reference))
    studio.shoot("9-manage")
    studio.page.locator("details summary").click()
    studio.shoot("9-manage-cancel")
    shoot_move(studio, wizard.reference)


def shoot_move(studio: Studio, reference: str) -> None:
    """Move the visit, with a wrong press on the way."""
    link = studio.evidence.manage_link(reference)
    studio.page.goto(f"{link}/move")
    studio.shoot("9-move")
    button = studio.page.locator("form button[type=submit]")
    button.click()
    studio.page.locator(".note.bad[data-focus]").wait_for()
    studio.shoot("9-move-error")
    studio.page.locator("label.day:has(input:enabled)").nth(1).click()
    studio.page.locator(".slots label:visible").last.click()
    studio.shoot("9-move-chosen")
    button.click()
    studio.page.locator("[data-status]").wait_for()
    studio.shoot("9-moved")


def shoot_detours(studio: Studio) -> None:
    """Show what goes wrong, and the pages beside the steps."""
    base = studio.env["PUBLIC_BASE_URL"]
    wizard = open_booking(studio.page, base)
    wizard.press()
    wizard.summary.wait_for()
    studio.shoot("error-zip")
    wizard.walk_to("contact").press()
    wizard.summary.wait_for()
    studio.shoot("error-contact")
    wizard = open_booking(studio.page, base).walk_to("issue")
    wizard.option("issue_type", "door_stuck_open").click()
    studio.shoot("emergency")
    outside = open_booking(studio.page, base, zip_code="10001")
    outside.answer("zip")
    outside.press()
    outside.is_on("out-of-area")
    studio.shoot("out-of-area")
    for name in ("w/junk/zip", "privacy", "sms-terms"):
        studio.page.goto(f"{base}/{name}")
        studio.shoot(name.replace("/", "-"))


def shoot_host(studio: Studio) -> None:
    """Show the partner's page with the wizard in it."""
    host = Host(studio.page, studio.env["DEMO_PARTNER_URL"])
    wizard = Wizard(studio.page, host.open(), ANA)
    studio.shoot("host-zip")
    wizard.walk_to("slot")
    studio.shoot("host-slot")


def shoot_office(studio: Studio) -> None:
    """Show the office's pages."""
    base = studio.env["PUBLIC_BASE_URL"]
    studio.page.goto(f"{base}/staff/login")
    studio.shoot("staff-login")
    office = Office(studio.page, base).log_in(studio.env["STAFF_EMAIL"], studio.env["STAFF_PASSWORD"])
    for path in (*OFFICE, "reports/", *reports(office)):
        office.go(path)
        studio.shoot(f"staff-{re.sub('[^a-z]+', '-', path.lower()).strip('-') or 'overview'}")
    (booking,) = studio.evidence.rows("SELECT reference FROM bookings ORDER BY id DESC LIMIT 1")
    office.go(f"bookings/{booking['reference']}")
    studio.shoot("staff-booking")


def reports(office: Office) -> list[str]:
    """Return the address of each report, and of one over all years."""
    links = office.go("reports/").locator("main .index a")
    found = links.evaluate_all("links => links.map(link => link.pathname.split('/staff/')[1])")
    return [*found, "reports/months?days=3660"]


if __name__ == "__main__":
    sys.exit(main())
