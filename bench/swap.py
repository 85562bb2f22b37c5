"""P19: from the click on Continue to the next step on the screen, in Chromium on this machine."""

import argparse
import sys

from playwright.sync_api import Page, sync_playwright

from bench.stage import stage
from bench.table import Figure, report
from sandbox.browser import find_or_install

CLICK = """() => new Promise(done => {
  const began = performance.now();
  document.body.addEventListener('htmx:afterSettle', () => requestAnimationFrame(() => done(performance.now() - began)), {once: true});
  document.querySelector('form button[type=submit]').click();
})"""
ANSWERS = {
    "zip": ("zip_code", "85004"),
    "issue": ("issue_type", "broken_spring"),
    "doors": ("door_age", "7"),
    "ownership": ("homeowner_status", "owner"),
}


def main() -> int:
    """Walk through the first steps again and again, and time each click inside the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.swap", description=__doc__)
    parser.add_argument("--walks", type=int, default=25)
    options = parser.parse_args()
    found = find_or_install()
    times: list[float] = []
    with stage() as at, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(found.path), args=list(found.arguments))
        for number in range(options.walks + 2):
            page = browser.new_context().new_page()
            page.goto(f"{at.stack.env['PUBLIC_BASE_URL']}/book")
            seen = [click(page, step) for step in ANSWERS]
            times += seen if number > 1 else []  # the first ones warm up
            page.context.close()
        browser.close()
    times.sort()
    p95, middle = times[int(0.95 * (len(times) - 1))], times[len(times) // 2]
    note = f"{len(times)} clicks, median {middle:.0f} ms"
    return report(
        Figure("P19 click to swapped step, p95", 50, 30, p95, " ms", more_is_better=False, note=note)
    )


def click(page: Page, step: str) -> float:
    """Answer a step and return how many milliseconds the click took."""
    page.wait_for_selector(f'#wizard[data-step="{step}"]')
    name, value = ANSWERS[step]
    if step == "zip":
        page.fill(f"[name={name}]", value)
    else:
        page.check(f'[name={name}][value="{value}"]', force=True)
    if step == "doors":
        page.check('[name=door_count][value="1"]', force=True)
    return float(page.evaluate(CLICK))


if __name__ == "__main__":
    sys.exit(main())
