"""A partner's page that embeds the wizard from another site."""

from typing import Any

from playwright.sync_api import Frame, Page

from e2e.evidence import wait_for
from e2e.pages.wizard import Person, Wizard

KEEP_EVENTS = """
  window.heard = [];
  for (const name of ['step_viewed', 'step_completed', 'submitted'])
    document.addEventListener('a1booking:' + name, event => window.heard.push({name, ...event.detail}));
"""
BOX = "iframe[title='Book a garage door repair']"


class Host:
    """The partner's page in a browser; it keeps every event that it hears."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self, path: str = "", query: str = "") -> Frame:
        """Go there and give the frame once the wizard is in it."""
        self.page.add_init_script(KEEP_EVENTS)
        self.page.goto(f"{self.url}{path}?{query}")
        box = self.page.locator(BOX).first
        box.scroll_into_view_if_needed()
        handle = box.element_handle()
        frame = handle.content_frame() if handle else None
        assert frame is not None
        frame.locator("#wizard").wait_for()
        return frame

    def wizard(self, person: Person, path: str = "", query: str = "") -> Wizard:
        """Go there and give the wizard in the frame."""
        return Wizard(self.page, self.open(path, query), person).is_on("zip")

    @property
    def heard(self) -> list[dict[str, Any]]:
        """The events on the page's document."""
        found: list[dict[str, Any]] = self.page.evaluate("window.heard")
        return found

    @property
    def data_layer(self) -> list[dict[str, Any]]:
        """What a tag manager would see."""
        found: list[dict[str, Any]] = self.page.evaluate("window.dataLayer || []")
        return found

    @property
    def box_height(self) -> float:
        """How tall the frame is on the partner's page."""
        height: float = self.page.locator(BOX).first.evaluate("box => box.getBoundingClientRect().height")
        return height

    def fits(self, wizard: Wizard) -> None:
        """Wait until the frame is as tall as what is in it, and stays so."""
        wait_for(lambda: self._rests_on(wizard), 5, "a frame of constant height")
        scrolls = wizard.frame.evaluate("document.documentElement.scrollHeight > innerHeight")
        assert not scrolls, "it scrolls inside"

    def _rests_on(self, wizard: Wizard) -> bool:
        """Tell whether the height is right and the same a moment later."""
        before = self.box_height
        self.page.wait_for_timeout(300)
        return before == self.box_height == content_height(wizard)


def content_height(wizard: Wizard) -> int:
    """How tall the wizard's content is, and at least what is reserved for it."""
    height: int = wizard.frame.evaluate(
        "Math.ceil(document.querySelector('#page').getBoundingClientRect().height)"
    )
    return max(height, 420)
