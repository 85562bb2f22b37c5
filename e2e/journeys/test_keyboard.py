"""A whole booking by keyboard alone, with the focus where a screen reader's user expects it after every step."""

from playwright.sync_api import expect

from e2e.pages.wizard import ANA, STEPS, Wizard, open_booking
from e2e.visitor import Visitor

FURTHEST = 40


def test_a_booking_needs_no_mouse(visitor: Visitor, base: str) -> None:
    wizard = open_booking(visitor.page, base)
    for step in STEPS:
        wizard.is_on(step)
        if step != "zip":
            expect(wizard.frame.locator("h1")).to_be_focused()
        answer_by_keyboard(wizard, step)
    wizard.is_on("done").shows_status("confirmed")
    expect(wizard.frame.locator("h1")).to_be_focused()


def test_after_a_mistake_the_summary_has_the_focus_and_leads_to_the_field(
    visitor: Visitor, base: str
) -> None:
    visitor.watch.expect("422")
    wizard = open_booking(visitor.page, base)
    tab_to(wizard, "zip_code")
    visitor.page.keyboard.type("123")
    visitor.page.keyboard.press("Enter")
    expect(wizard.summary).to_be_focused()
    visitor.page.keyboard.press("Tab")
    visitor.page.keyboard.press("Enter")
    expect(wizard.field("zip_code")).to_be_focused()
    assert wizard.field("zip_code").get_attribute("aria-invalid") == "true"


def test_the_focus_can_always_be_seen(visitor: Visitor, base: str) -> None:
    wizard = open_booking(visitor.page, base).walk_to("ownership")
    for _ in range(4):
        visitor.page.keyboard.press("Tab")
        ring = wizard.focused.evaluate(
            "element => [element, element.closest('label')].filter(Boolean).some(part => {"
            " const style = getComputedStyle(part); return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 })"
        )
        assert ring, wizard.focused.evaluate("element => element.outerHTML")


def answer_by_keyboard(wizard: Wizard, step: str) -> None:
    """Answer one step with Tab, arrows, Space and Enter."""
    keys = wizard.page.keyboard
    match step:
        case "zip":
            tab_to(wizard, "zip_code")
            keys.type(wizard.zip_code)
        case "issue":
            tab_to(wizard, "issue_type")
            keys.press("Space")
            keys.press("ArrowDown")
            assert wizard.given()["issue_type"] == "door_stuck_open"
        case "doors":
            tab_to(wizard, "door_count")
            keys.press("ArrowRight")
            tab_to(wizard, "door_age")
            keys.press("Space")
            assert wizard.given() == {"door_count": "2", "door_age": "2"}
        case "ownership":
            tab_to(wizard, "homeowner_status")
            keys.press("Space")
        case "slot":
            tab_to(wizard, "slot_id")
            keys.press("Space")
        case "contact":
            for name in ("first_name", "last_name", "phone", "email", "address_line1"):
                tab_to(wizard, name)
                keys.type(getattr(ANA, name))
            tab_to(wizard, "sms_opt_in")
            keys.press("Space")
    if step == "review":
        tab_to_button(wizard)
    keys.press("Enter")


def tab_to(wizard: Wizard, name: str) -> None:
    """Press Tab until the field of that name has the focus."""
    for _ in range(FURTHEST):
        wizard.page.keyboard.press("Tab")
        if wizard.focused.evaluate("(element, name) => element.name === name", name):
            return
    raise AssertionError(f"{name} cannot be reached by Tab")


def tab_to_button(wizard: Wizard) -> None:
    """Press Tab until the button of the step's form has the focus."""
    button = wizard.form().locator("button[type=submit]")
    for _ in range(FURTHEST):
        wizard.page.keyboard.press("Tab")
        if button.evaluate("button => button === document.activeElement"):
            return
    raise AssertionError("the button cannot be reached by Tab")
