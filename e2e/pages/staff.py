"""The office's pages."""

from playwright.sync_api import Page, expect


class Office:
    """Somebody of the office in the browser."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base

    def log_in(self, email: str, password: str) -> "Office":
        """Log in and arrive at the overview."""
        self.page.goto(f"{self.base}/staff/login")
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()
        expect(self.page.get_by_role("heading", level=1)).to_be_visible()
        return self

    def go(self, path: str) -> Page:
        """Open one of the pages."""
        self.page.goto(f"{self.base}/staff/{path}")
        return self.page

    def find(self, words: str) -> Page:
        """Look for a person or booking; a reference leads straight to its booking."""
        self.go("bookings")
        self.page.get_by_label("Find a person or booking").fill(words)
        self.page.get_by_role("button", name="Find").click()
        return self.page
