"""Make docs/img/wizard.png, the picture of the README, from a running product: `python -m docs.picture`."""

import base64
import os
import sys
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize, sync_playwright

from e2e.browsers import launch
from e2e.pages.wizard import open_booking
from sandbox import envfile

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs/img/wizard.png"
PHONE: ViewportSize = {"width": 390, "height": 880}
DESKTOP: ViewportSize = {"width": 1160, "height": 840}
FRAME = """<!doctype html>
<style>
  body { margin: 0; padding: 20px; width: max-content; background: #eceff5; display: flex; gap: 20px; align-items: flex-end; }
  img { height: 540px; border: 1px solid #cfd6e2; border-radius: 10px; }
  img.phone { border: 6px solid #131a26; border-radius: 30px; height: 540px; }
</style>
<img class="phone" src="data:image/png;base64,%s"><img src="data:image/png;base64,%s">
"""


def slot_step(browser: Browser, base: str, size: ViewportSize) -> str:
    """Walk to the arrival windows, choose one, and return what is on the screen."""
    page = browser.new_page(viewport=size, reduced_motion="reduce")
    wizard = open_booking(page, base).walk_to("slot")
    wizard.frame.locator("label.day").nth(2).click()
    wizard.frame.locator('.slots label:has(input[name="slot_id"]):visible').nth(1).click()
    page.evaluate("window.scrollTo(0, 0)")
    picture = base64.b64encode(page.screenshot()).decode()
    page.close()
    return picture


def main() -> int:
    """Take both screenshots and put them side by side."""
    base = envfile.read(Path(os.environ.get("E2E_ENV", ROOT / ".local/env"))).get("PUBLIC_BASE_URL")
    if base is None:
        print("Nothing runs here. Type ./run in another terminal first.", file=sys.stderr)
        return 1
    with sync_playwright() as playwright, launch(playwright) as browser:
        both = (slot_step(browser, base, PHONE), slot_step(browser, base, DESKTOP))
        page = browser.new_page()
        page.set_content(FRAME % both)
        PICTURE.parent.mkdir(exist_ok=True)
        page.locator("body").screenshot(path=PICTURE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
