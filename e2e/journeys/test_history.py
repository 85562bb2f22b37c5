"""Going back, forward and away: answers stay, contact data is masked, and nothing is booked twice."""

from collections import Counter
from collections.abc import Callable, Mapping

import pytest
from playwright.sync_api import expect

from e2e.evidence import Evidence
from e2e.pages.host import Host
from e2e.pages.wizard import ANA, STEPS, Wizard, open_booking
from e2e.visitor import Visitor

ANSWERED = STEPS[:-1]


@pytest.fixture(params=["our page", "a partner's frame"])
def wizard(
    request: pytest.FixtureRequest,
    visitor: Visitor,
    env: Mapping[str, str],
    evidence: Evidence,
) -> Wizard:
    """A visit at its first step, in both places."""
    if request.param == "our page":
        return open_booking(visitor.page, env["PUBLIC_BASE_URL"])
    return Host(visitor.page, env["DEMO_PARTNER_URL"]).wizard(ANA)


def test_back_forward_and_refresh_keep_every_answer(wizard: Wizard) -> None:
    given: dict[str, dict[str, str]] = {}
    for step in ANSWERED:
        wizard.is_on(step).answer(step)
        given[step] = wizard.given()
        wizard.press()
    wizard.is_on("review")
    for step in reversed(ANSWERED):
        wizard.page.evaluate("history.back()")
        wizard.is_on(step)
        keeps(wizard, step, given[step])
        refresh(wizard)
        keeps(wizard.is_on(step), step, given[step])
    for step in STEPS[1:]:
        wizard.page.evaluate("history.forward()")
        wizard.is_on(step)
    shown = wizard.root.inner_text()
    assert [word for word in ANA.secrets if word in shown] == []
    wizard.press("review")
    wizard.is_on("done")


def keeps(wizard: Wizard, step: str, given: dict[str, str]) -> None:
    """See the answers again; contact data only as a masked hint beside an empty field."""
    if step != "contact":
        assert wizard.given() == given
        return
    assert wizard.given() == {name: "" for name in given if name != "sms_opt_in"} | {
        "address_line2": "",
        "sms_opt_in": "1",
    }
    expect(wizard.frame.locator("#email-hint")).to_contain_text("a•••@example.com")
    page = wizard.frame.content()
    assert [word for word in ANA.secrets if word in page] == []


def refresh(wizard: Wizard) -> None:
    """Reload the page, or the frame alone."""
    with wizard.page.expect_response(
        lambda response: response.url.split("?")[0] == wizard.frame.url.split("?")[0]
    ):
        wizard.frame.evaluate("location.reload()")
    wizard.frame.wait_for_load_state()


def test_a_link_to_a_later_step_leads_to_the_first_open_one(visitor: Visitor, base: str) -> None:
    wizard = open_booking(visitor.page, base)
    for later in ("review", "slot", "done"):
        visitor.page.goto(f"{wizard.path}/{later}")
        wizard.is_on("zip")
    wizard.walk_to("doors")
    visitor.page.goto(f"{wizard.path}/contact")
    wizard.is_on("doors")
    visitor.page.goto(f"{wizard.path}/issue")
    assert wizard.is_on("issue").given()["issue_type"] == "broken_spring"


def test_back_link_and_change_links_lead_there_and_return_to_the_review(visitor: Visitor, base: str) -> None:
    wizard = open_booking(visitor.page, base).walk_to("doors")
    wizard.frame.get_by_role("link", name="Back").click()
    wizard.is_on("issue").walk_to("review")
    wizard.frame.get_by_role("link", name="Change Doors").click()
    wizard.is_on("doors").option("door_count", "3").click()
    wizard.press()
    wizard.is_on("review")
    expect(wizard.root).to_contain_text("3 doors")


def test_five_rapid_submits_are_one_post_and_one_booking(
    wizard: Wizard, evidence: Evidence, visitor: Visitor
) -> None:
    wizard.walk_to("review").form().evaluate("form => { for (let n = 0; n < 5; n++) form.requestSubmit() }")
    reference = wizard.is_on("done").reference
    wizard.shows_status("confirmed")
    assert len(visitor.watch.posts("/review")) == 1
    visit = evidence.booking(reference)["session_id"]
    assert len(evidence.rows("SELECT id FROM bookings WHERE session_id = :id", id=visit)) == 1
    assert Counter(event["event_type"] for event in evidence.events(visit))["booking_submitted"] == 1


def test_five_rapid_submits_without_script_are_one_booking(
    arrive: Callable[..., Visitor], base: str, evidence: Evidence
) -> None:
    visitor = arrive(java_script_enabled=False)
    wizard = open_booking(visitor.page, base).walk_to("review")
    button = wizard.form().locator("button[type=submit]")
    button.click(click_count=5, no_wait_after=True)
    reference = wizard.is_on("done").reference
    visit = evidence.booking(reference)["session_id"]
    assert len(evidence.rows("SELECT id FROM bookings WHERE session_id = :id", id=visit)) == 1


def test_a_review_that_another_tab_made_stale_books_only_after_a_second_look(
    visitor: Visitor, base: str, evidence: Evidence
) -> None:
    visitor.watch.expect("409")
    wizard = open_booking(visitor.page, base).walk_to("review")
    other = Wizard(visitor.context.new_page())
    other.page.goto(f"{wizard.path}/doors")
    other.is_on("doors").option("door_count", "3").click()
    other.press()
    other.is_on("ownership")

    wizard.press()
    expect(wizard.notice).to_contain_text("changed in another tab")
    expect(wizard.notice).to_be_focused()
    expect(wizard.root).to_contain_text("3 doors")
    visit = evidence.latest_visit()
    assert visit["booking_id"] is None
    wizard.press()
    reference = wizard.is_on("done").reference
    assert evidence.booking(reference)["door_count"] == 3

    other.press("ownership")
    assert other.is_on("done").reference == reference
    other.page.goto(f"{wizard.path}/zip")
    assert other.is_on("done").reference == reference
