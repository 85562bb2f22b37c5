"""Who may frame us and post to us: the partner's own page, and nobody else."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from playwright.sync_api import expect

from e2e.evidence import Evidence
from e2e.pages.host import BOX, Host
from e2e.pages.wizard import ANA, Wizard, open_booking
from e2e.visitor import Visitor

REFUSAL = "frame-ancestors|X-Frame-Options|/csp-report"
LEAST = "allow-scripts allow-forms allow-same-origin"


def stranger(port: int, url: str) -> str:
    """The address of a stranger's page that frames this one."""
    return f"http://localhost:{port}/frame?url={quote(url, safe='')}"


def test_a_site_that_is_no_partner_cannot_frame_the_wizard(
    visitor: Visitor, env: Mapping[str, str], control_port: int
) -> None:
    visitor.watch.expect(REFUSAL)
    visitor.page.goto(stranger(control_port, f"{env['PUBLIC_BASE_URL']}/e/{env['DEMO_PARTNER_KEY']}?embed=1"))
    is_refused(visitor)


def test_nobody_can_frame_our_own_pages_or_the_office(
    visitor: Visitor, env: Mapping[str, str], control_port: int
) -> None:
    visitor.watch.expect(REFUSAL)
    for path in ("/staff/login", "/book", "/privacy"):
        visitor.watch.troubles.clear()
        visitor.page.goto(stranger(control_port, env["PUBLIC_BASE_URL"] + path))
        is_refused(visitor)


def test_the_partner_itself_cannot_frame_the_office(visitor: Visitor, env: Mapping[str, str]) -> None:
    visitor.watch.expect(REFUSAL)
    Host(visitor.page, env["DEMO_PARTNER_URL"]).open()
    visitor.page.locator(BOX).first.evaluate(
        "(box, url) => { box.src = url }", f"{env['PUBLIC_BASE_URL']}/staff/login"
    )
    is_refused(visitor)


def is_refused(visitor: Visitor) -> None:
    """Wait for the browser to say why, and see that the frame shows nothing of ours."""
    said = visitor.watch.troubles
    visitor.page.wait_for_function("() => true")
    for _ in range(50):
        if any("frame-ancestors" in line for line in said):
            break
        visitor.page.wait_for_timeout(100)
    assert any("frame-ancestors" in line for line in said), said
    assert visitor.page.frames[1].locator("form").count() == 0


def test_a_form_on_another_site_cannot_answer_for_a_visitor(
    visitor: Visitor, base: str, control_port: int, evidence: Evidence
) -> None:
    visitor.watch.expect("403")
    wizard = open_booking(visitor.page, base)
    action = f"{wizard.path}/zip"
    seal = wizard.form().locator("[name=fs]").input_value()
    fields = urlencode({"url": action, "fs": seal, "zip_code": wizard.zip_code})
    visitor.page.goto(f"http://localhost:{control_port}/post?{fields}")
    with visitor.page.expect_navigation() as arrived:
        visitor.page.get_by_role("button").click()
    assert arrived.value is not None
    assert arrived.value.status == 403
    assert "area_id" not in evidence.latest_visit()["answers"]
    expect(wizard.notice).to_contain_text("press the button again")
    assert wizard.field("zip_code").input_value() == wizard.zip_code
    wizard.press()
    wizard.is_on("issue")


def test_a_sandboxed_frame_works_with_the_three_permissions_it_needs(
    visitor: Visitor,
    env: Mapping[str, str],
    evidence: Evidence,
) -> None:
    host = Host(visitor.page, env["DEMO_PARTNER_URL"])
    frame = host.open("sandboxed")
    first = frame.url
    visitor.page.locator(BOX).evaluate(
        "(box, least) => { box.sandbox = least; box.src = box.src + '&again=1' }", LEAST
    )
    frame.wait_for_url(lambda url: url != first and "/w/" in url)
    wizard = Wizard(visitor.page, frame, ANA).is_on("zip")
    wizard.book()
    wizard.shows_status("confirmed")


def test_a_link_that_was_never_ours_leads_nowhere(visitor: Visitor, base: str) -> None:
    visitor.watch.expect("404")
    for path in ("/w/junk/zip", "/w/WyJ4Il0.c2lnbmF0dXJl/review", "/manage/junk", "/e/pk_unknown000000000"):
        answer = visitor.page.goto(base + path)
        assert answer is not None
        assert answer.status == 404
        expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
        assert "frame-ancestors 'none'" in (answer.header_value("content-security-policy") or "")
