"""Somebody with a browser of their own, and all that went over its wire."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Error, Page

from e2e import browsers
from e2e.watch import Watch


@dataclass(frozen=True)
class Visitor:
    """A context that shares nothing with other visitors', its first page, and what was watched."""

    context: BrowserContext
    page: Page
    watch: Watch

    @classmethod
    def with_fresh(cls, browser: Browser, **wishes: Any) -> "Visitor":
        """Arrive with a browser that was never here."""
        context = browsers.open_context(browser, **wishes)
        watch = Watch().follow(context)
        return cls(context, context.new_page(), watch)

    def take_picture(self, path: Path) -> None:
        """Keep what is on the screen; a page that hangs must not hide why a test failed."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(Error):
            self.page.screenshot(path=path, full_page=True)
