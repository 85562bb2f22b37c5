"""One Chromium for all journeys, and profiles that treat third-party cookies as people's browsers really do.

The preferences file of a profile is the only way to choose that: flags and the debugging protocol do not change it.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Playwright

from sandbox.browser import find_or_install

PATIENCE_MS = 10_000


class Cookies(StrEnum):
    """What a browser allows a frame of another site."""

    ALLOWED = "allowed"
    NO_THIRD_PARTY = "third-party blocked"
    NONE = "all blocked"


_PREFERENCES: Mapping[Cookies, Mapping[str, Any]] = {
    Cookies.ALLOWED: {"cookie_controls_mode": 0, "block_third_party_cookies": False},
    Cookies.NO_THIRD_PARTY: {"cookie_controls_mode": 1, "block_third_party_cookies": True},
    Cookies.NONE: {
        "cookie_controls_mode": 1,
        "block_third_party_cookies": True,
        "default_content_setting_values": {"cookies": 2},
    },
}


@contextmanager
def launch(playwright: Playwright) -> Iterator[Browser]:
    """Run the browser that all contexts share."""
    found = find_or_install()
    browser = playwright.chromium.launch(executable_path=found.path, args=list(found.arguments))
    try:
        yield browser
    finally:
        browser.close()


def open_context(browser: Browser, **wishes: Any) -> BrowserContext:  # Any: Playwright's own options
    """Open a fresh visitor's browser that never waits long."""
    context = browser.new_context(reduced_motion="reduce", **wishes)
    context.set_default_timeout(PATIENCE_MS)
    return context


@contextmanager
def profile(playwright: Playwright, folder: Path, cookies: Cookies) -> Iterator[BrowserContext]:
    """Run a browser of its own with this cookie setting, as a person would have set it."""
    default = folder / "Default"
    default.mkdir(parents=True)
    (default / "Preferences").write_text(json.dumps({"profile": _PREFERENCES[cookies]}), encoding="utf-8")
    found = find_or_install()
    context = playwright.chromium.launch_persistent_context(
        folder, executable_path=found.path, args=list(found.arguments), reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE_MS)
    try:
        yield context
    finally:
        context.close()
