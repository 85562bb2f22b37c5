"""The main journey: a whole booking inside a partner's page on another site, whatever the browser thinks of cookies."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Playwright

from e2e import browsers
from e2e.browsers import Cookies
from e2e.evidence import Evidence, wait_for
from e2e.pages.host import Host
from e2e.pages.wizard import STEPS, Person, Wizard
from e2e.watch import Watch

QUERY = "utm_source=Google&utm_medium=cpc&utm_campaign=spring-springs&utm_term=door&gclid=EAIaIQ-test_123"
COME_BACK = {
    Cookies.ALLOWED: {"none", "partitioned"},
    Cookies.NO_THIRD_PARTY: {"partitioned"},
    Cookies.NONE: set(),
}
PEOPLE = {
    Cookies.ALLOWED: Person("Omar", "Keller", "omar.keller@example.com", "(480) 555-0155", sms=False),
    Cookies.NO_THIRD_PARTY: Person("Bea", "Lindqvist", "bea.lindqvist@example.com", "602-555-0166"),
    Cookies.NONE: Person("Cyd", "Marquez", "cyd.marquez@example.com", "+1 623 555 0177"),
}


@pytest.mark.parametrize("cookies", list(Cookies))
def test_a_visitor_of_a_partner_books_without_a_cookie(
    *,
    cookies: Cookies,
    playwright: Playwright,
    tmp_path: Path,
    env: Mapping[str, str],
    evidence: Evidence,
    control_port: int,
) -> None:
    base, person = env["PUBLIC_BASE_URL"], PEOPLE[cookies]
    with browsers.profile(playwright, tmp_path, cookies) as context:
        watch = Watch().follow(context)
        host = Host(context.new_page(), env["DEMO_PARTNER_URL"])
        wizard = host.wizard(person, query=QUERY)
        slot_id = book_step_by_step(host, wizard)
        wizard.shows_status("confirmed")
        host.fits(wizard)

        tells_the_partner(host, wizard.reference, person)
        counts_every_step_once(evidence, wizard.reference)
        reaches_every_provider_once(evidence, wizard.reference, person)
        assert str(evidence.booking(wizard.reference)["time_slot_id"]) == slot_id
        assert watch.hosts == {urlsplit(base).netloc, urlsplit(host.url).netloc}
        assert watch.cookies_sent_to(base) == []
        assert watch.surprises == []
        assert cookies_that_come_back(context, watch, control_port) == COME_BACK[cookies], (
            "the control failed"
        )


def book_step_by_step(host: Host, wizard: Wizard) -> str:
    """Answer each step, see that the frame fits it, book, and give the window that was chosen."""
    slot_id = ""
    for step in STEPS:
        wizard.is_on(step)
        host.fits(wizard)
        if step == "slot":
            slot_id = wizard.pick_window()
        else:
            wizard.answer(step)
        wizard.press(step)
    wizard.is_on("done")
    return slot_id


def tells_the_partner(host: Host, reference: str, person: Person) -> None:
    """The partner's page hears every step once and who booked never."""
    heard = wait_for(lambda: host.heard if any(e["name"] == "submitted" for e in host.heard) else [])
    assert Counter((event["name"], event["step"]) for event in heard) == Counter(
        [("step_viewed", step) for step in (*STEPS, "done")]
        + [("step_completed", step) for step in STEPS]
        + [("submitted", "review")]
    )
    pushed = [entry for entry in host.data_layer if str(entry["event"]).startswith("booking_")]
    assert [(entry["event"].removeprefix("booking_"), entry["booking_step"]) for entry in pushed] == [
        (event["name"], event["step"]) for event in heard
    ]
    (submitted,) = [entry for entry in pushed if entry["event"] == "booking_submitted"]
    assert submitted["booking_id"] == reference
    assert submitted["booking_embed"] == "inline"
    said = repr(heard) + repr(pushed)
    assert [word for word in (person.first_name, *person.secrets) if word in said] == []


def counts_every_step_once(evidence: Evidence, reference: str) -> None:
    """Each step is viewed and completed once, with the campaign of the partner's own address."""
    booking = evidence.booking(reference)
    visit = booking["session_id"]
    assert Counter(evidence.steps(visit, "step_viewed")) == Counter((*STEPS, "done"))
    assert Counter(evidence.steps(visit, "step_completed")) == Counter(STEPS)
    kinds = Counter(event["event_type"] for event in evidence.events(visit))
    assert (kinds["booking_submitted"], kinds["booking_confirmed"], kinds["step_error"]) == (1, 1, 0)
    for event in evidence.events(visit):
        campaign = (event["utm_source"], event["utm_medium"], event["utm_campaign"], event["gclid"])
        assert campaign == ("google", "cpc", "spring-springs", "EAIaIQ-test_123"), event["event_type"]
        assert not event["is_bot"]
    assert booking["booking_source"] == "paid_search"
    last: dict[str, Any] = booking["attribution"]["last"]
    assert (last["utm_term"], last["gclid"]) == ("door", "EAIaIQ-test_123")
    assert booking["attribution"]["first"]["gclid"] == "EAIaIQ-test_123"


def reaches_every_provider_once(evidence: Evidence, reference: str, person: Person) -> None:
    """One job, one e-mail, and one text message only to who asked for it."""
    booking = evidence.booking(reference)
    jobs = evidence.settled_jobs(booking["id"])
    assert {(job["status"], job["outcome"]) for job in jobs} == {("completed", "ok")}
    notes = evidence.notifications(booking["id"])
    assert [(note["type"], note["status"]) for note in notes] == [("email", "sent")] + (
        [("sms", "sent")] if person.sms else []
    )
    booking = evidence.booking(reference)
    assert booking["status"] == "confirmed"
    assert evidence.slot(booking["time_slot_id"])["booking_id"] == booking["id"]
    assert not evidence.slot(booking["time_slot_id"])["available"]
    effects = {kind: [e["count"] for e in found] for kind, found in evidence.effects(booking).items()}
    expected = {("servicetitan", "job"): [1], ("klaviyo", "event"): [1]}
    assert effects == expected | ({("twilio", "message"): [1]} if person.sms else {})


def cookies_that_come_back(context: BrowserContext, watch: Watch, port: int) -> set[str]:
    """Which cookies of a framed site of our own this browser sends on the second request, as that site saw them."""
    page = context.new_page()
    page.goto(f"http://localhost:{port}/frame?url=http://127.0.0.1:{port}/set")
    frame = page.frames[1]
    frame.wait_for_load_state()
    frame.goto(f"http://127.0.0.1:{port}/seen")
    cookies = (frame.locator("#seen").text_content() or "").split("; ")
    seen = {cookie.partition("=")[0] for cookie in cookies} - {""}
    assert bool(watch.cookies_sent_to(f"http://127.0.0.1:{port}")) == bool(seen), "the watch misses cookies"
    return seen


def test_a_booking_by_a_frame_without_our_script_is_counted_for_the_partner(
    arrive: Callable[..., Any], env: Mapping[str, str], evidence: Evidence
) -> None:
    visitor = arrive(java_script_enabled=False)
    host = Host(visitor.page, env["DEMO_PARTNER_URL"])
    wizard = host.wizard(Person(sms=False), "nojs", "utm_source=flyer&utm_medium=print")
    reference = wizard.book()
    booking = evidence.booking(reference)
    assert booking["attribution"]["last"]["utm_source"] == "flyer"
    assert booking["booking_source"] == f"partner:{env['DEMO_PARTNER_KEY']}"
    assert Counter(evidence.steps(booking["session_id"], "step_completed")) == Counter(STEPS)
    assert visitor.watch.cookies_sent_to(env["PUBLIC_BASE_URL"]) == []
