"""The page behind the link in a message, and the windows one can move to."""

from playwright.sync_api import Locator, Page, expect

from e2e.pages.windows import press_window


class Manage:
    """One booking in the browser, by its link."""

    def __init__(self, page: Page, link: str) -> None:
        self.page = page
        self.link = link
        self.root = page.locator("#wizard")

    def open(self) -> "Manage":
        """Follow the link."""
        self.page.goto(self.link)
        return self.is_on("manage")

    def is_on(self, step: str) -> "Manage":
        """Wait until this page of the two is shown."""
        expect(self.root).to_have_attribute("data-step", step)
        return self

    def look_for_another(self) -> "Manage":
        """Go to the windows."""
        self.page.get_by_role("link", name="Pick another time").click()
        return self.is_on("move")

    @property
    def windows(self) -> Locator:
        """The windows one can press now, without the booking's own."""
        return self.page.locator('label:has(input[name="slot_id"]):visible:not(:has-text("Yours now"))')

    @property
    def own(self) -> Locator:
        """The booking's own window among the others."""
        return self.page.locator('label:has(input[name="slot_id"]):has-text("Yours now")')

    @property
    def notice(self) -> Locator:
        """The box that says what happened."""
        return self.page.locator(".note.info")

    def pick(self, number: int = 1) -> str:
        """Press a window and give its id."""
        return press_window(self.page, self.windows, number)

    def press(self) -> None:
        """Press the button that moves."""
        self.page.get_by_role("button", name="Move my visit").click()

    def shows_status(self, status: str) -> None:
        """Wait until the booking's status is this."""
        expect(self.page.locator("[data-status]")).to_have_attribute("data-status", status)
