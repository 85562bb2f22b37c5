"""The office: log in, find the booking that was just made, see what was delivered, read and download a report."""

import csv
import io
from collections.abc import Callable, Mapping

from playwright.sync_api import expect

from e2e.evidence import Evidence
from e2e.pages.staff import Office
from e2e.pages.wizard import Person, open_booking
from e2e.visitor import Visitor


def test_the_office_finds_a_booking_and_what_became_of_it(
    arrive: Callable[..., Visitor], base: str, env: Mapping[str, str], evidence: Evidence
) -> None:
    visitor = arrive(viewport={"width": 1280, "height": 800})
    person = Person(last_name="Oyelaran", email="ana.oyelaran@example.com")
    query = "utm_source=google&utm_medium=cpc&gclid=office1"
    reference = open_booking(visitor.page, base, query, person=person).book()
    booking = evidence.booking(reference)
    evidence.settled_jobs(booking["id"])

    office = Office(visitor.page, base).log_in(env["STAFF_EMAIL"], env["STAFF_PASSWORD"])
    page = office.find(person.last_name)
    page.locator("tbody").get_by_role("link", name=reference).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(person.last_name)
    office.find(reference)
    expect(page.get_by_role("heading", level=1)).to_contain_text(reference)
    deliveries = page.get_by_role("region", name="Deliveries")
    expect(deliveries.locator("tbody tr")).to_have_count(4)
    expect(page.locator("main")).to_contain_text(evidence.booking(reference)["servicetitan_job_id"])
    expect(page.locator("main")).to_contain_text("office1")


def test_the_office_reads_reports_and_takes_them_home(
    arrive: Callable[..., Visitor], base: str, env: Mapping[str, str], evidence: Evidence
) -> None:
    visitor = arrive(viewport={"width": 1280, "height": 800})
    reference = open_booking(visitor.page, base).book()
    office = Office(visitor.page, base).log_in(env["STAFF_EMAIL"], env["STAFF_PASSWORD"])
    page = office.go("reports/")
    names = page.locator("main a[href*='/staff/reports/']").evaluate_all(
        "links => [...new Set(links.map(link => link.pathname.split('/')[3]))].filter(name => name && !name.endsWith('.csv'))"
    )
    for name in names:
        office.go(f"reports/{name}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name="CSV").first.click()
        rows = list(csv.reader(io.StringIO(download.value.path().read_text(encoding="utf-8-sig"))))
        assert len({len(row) for row in rows}) == 1, name
    assert evidence.booking(reference)


def test_a_stranger_sees_nothing_of_the_office(visitor: Visitor, base: str) -> None:
    visitor.watch.expect("422")
    for path in ("", "bookings", "reports/", "jobs", "audit"):
        visitor.page.goto(f"{base}/staff/{path}")
        assert "/staff/login" in visitor.page.url
    visitor.page.get_by_label("E-mail").fill("office@example.com")
    visitor.page.get_by_label("Password").fill("wrong")
    visitor.page.get_by_role("button", name="Log in").click()
    expect(visitor.page.get_by_role("alert")).to_be_visible()
