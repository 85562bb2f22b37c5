"""Arrival windows on a page, to pick or to move to."""

from playwright.sync_api import Frame, Locator, Page


def press_window(page: Page | Frame, windows: Locator, number: int) -> str:
    """Press one of the windows that are shown and give its id.

    Where earlier visitors left the day too few, look at the next days as a person would.
    """
    days = iter(page.locator("label.day:has(input:enabled)").all())
    while windows.count() <= number:
        next(days).click()
    label = windows.nth(number)
    label.click()
    return label.locator("input").input_value()
