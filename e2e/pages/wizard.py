"""The wizard, on its own page or in a frame, with or without script."""

from dataclasses import dataclass
from itertools import cycle
from typing import Any

from playwright.sync_api import Frame, Locator, Page, expect

from e2e.pages.windows import press_window

STEPS = ("zip", "issue", "doors", "ownership", "slot", "contact", "review")
# Each visitor lives elsewhere, in another crew's zone than the last: a window of one ZIP code sells only once.
_NUMBERS = (18, 20, 251, 201, 224, 301, 16, 21, 254, 281, 226, 308, 14, 28, 258, 283, 286, 345)
ZIPS = cycle(f"85{number:03}" for number in _NUMBERS)


@dataclass(frozen=True)
class Person:
    """Somebody who books. `sms` is the tick at the text messages."""

    first_name: str = "Ana"
    last_name: str = "Ruiz"
    email: str = "ana.ruiz@example.com"
    phone: str = "(602) 555-0123"
    address_line1: str = "4512 E Oak Street"
    access_notes: str = "Gate 4711, friendly dog"
    sms: bool = True

    @property
    def secrets(self) -> tuple[str, ...]:
        """Words that must not leave the page."""
        return (
            self.last_name,
            self.email,
            self.phone,
            self.phone[-8:],
            self.address_line1,
            self.access_notes,
        )


ANA = Person()


class Wizard:
    """One visit in the browser. `frame` is the page's own unless the wizard sits in a frame."""

    def __init__(
        self, page: Page, frame: Frame | None = None, person: Person = ANA, zip_code: str = ""
    ) -> None:
        self.page = page
        self.frame = frame or page.main_frame
        self.person = person
        self.zip_code = zip_code or next(ZIPS)
        self.root = self.frame.locator("#wizard")

    @property
    def step(self) -> str:
        """The step on the screen."""
        return self.root.get_attribute("data-step") or ""

    @property
    def path(self) -> str:
        """Where all pages of this visit lie."""
        return self.frame.url.partition("?")[0].rpartition("/")[0]

    @property
    def focused(self) -> Locator:
        """What has the keyboard's focus."""
        return self.frame.locator(":focus")

    @property
    def summary(self) -> Locator:
        """The box that lists what is wrong."""
        return self.frame.locator(".note.bad[data-focus]")

    @property
    def notice(self) -> Locator:
        """The box that says what happened."""
        return self.frame.locator(".note.info")

    def is_on(self, step: str) -> "Wizard":
        """Wait until this step is shown."""
        expect(self.root).to_have_attribute("data-step", step)
        return self

    def option(self, name: str, value: str) -> Locator:
        """The label around a radio or tick box: what a finger meets."""
        return self.frame.locator(f'label:has(input[name="{name}"][value="{value}"])')

    def field(self, name: str) -> Locator:
        """A text field of the step's own form."""
        return self.form().locator(f'[name="{name}"]')

    def form(self, step: str | None = None) -> Locator:
        """The form of a step."""
        name = step or self.step
        return self.frame.locator(f'form[action$="/{name}"], form[action*="/{name}?"]')

    @property
    def windows(self) -> Locator:
        """The arrival windows one can press now."""
        return self.frame.locator('label:has(input[name="slot_id"]):visible')

    def pick_window(self, number: int = 1) -> str:
        """Press an arrival window and give its id: not the earliest, whose notice may run out while we walk on."""
        return press_window(self.frame, self.windows, number)

    def answer(self, step: str) -> None:
        """Fill in one step as the person would."""
        match step:
            case "zip":
                self.field("zip_code").fill(self.zip_code)
            case "issue":
                self.option("issue_type", "broken_spring").click()
                self.field("issue_note").fill("It went bang")
            case "doors":
                self.option("door_count", "2").click()
                self.option("door_age", "12").click()
            case "ownership":
                self.option("homeowner_status", "owner").click()
            case "slot":
                self.pick_window()
            case "contact":
                self.give_contact()

    def give_contact(self, **other: Any) -> None:
        """Fill in who they are; `other` replaces what the person would say."""
        for name in ("first_name", "last_name", "phone", "email", "address_line1", "access_notes"):
            self.field(name).fill(other.get(name, getattr(self.person, name)))
        tick = self.option("sms_opt_in", "1")
        if tick.locator("input").is_checked() != self.person.sms:
            tick.click()

    def press(self, step: str | None = None) -> None:
        """Press the button of the step's form."""
        self.form(step).locator("button[type=submit]").click()

    def walk_to(self, step: str) -> "Wizard":
        """Answer one step after the other until this one is shown."""
        for name in STEPS[STEPS.index(self.step) : STEPS.index(step)]:
            self.is_on(name)
            self.answer(name)
            self.press(name)
        return self.is_on(step)

    def book(self) -> str:
        """Go all the way and give the reference."""
        self.walk_to("review").press("review")
        return self.is_on("done").reference

    @property
    def reference(self) -> str:
        """The booking's reference."""
        return self.frame.locator("[data-reference]").get_attribute("data-reference") or ""

    def shows_status(self, status: str, *, within_s: float = 10) -> None:
        """Wait until the booking's status is this."""
        shown = self.frame.locator("[data-status]")
        expect(shown).to_have_attribute("data-status", status, timeout=within_s * 1000)

    def given(self) -> dict[str, str]:
        """What the step's inputs hold now, the hidden ones left out."""
        values: dict[str, str] = self.form().evaluate(
            "form => Object.fromEntries([...new FormData(form)].filter(([name]) => !['fs', 'submission_id', 'day'].includes(name)))"
        )
        return values


def open_booking(page: Page, base: str, query: str = "", **wishes: Any) -> Wizard:
    """Come to our own page."""
    page.goto(f"{base}/book?{query}")
    return Wizard(page, **wishes).is_on("zip")
