"""What a page must hold for everyone: no finding of axe, in light and dark, and no sideways scrolling at any width."""

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Frame, Page

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
WIDTHS = (320, 390, 1280)
RUN = "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})"


def findings(frame: Frame) -> list[str]:
    """What axe objects to, one line a place."""
    if not frame.evaluate("'axe' in window"):
        frame.evaluate(AXE_SCRIPT)
    result: dict[str, Any] = frame.evaluate(RUN, list(RULES))
    return [
        f"{violation['id']}: {node['html'][:160]} | {(node['any'] or node['all'] or node['none'])[0]['message']}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]


def audit(page: Page, where: str, frame: Frame | None = None) -> list[str]:
    """Look at what is shown now in light and in dark; give all findings, each with its place."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found += [f"{where}, {scheme}: {line}" for line in findings(frame or page.main_frame)]
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    return found


def overflows(page: Page, where: str, frame: Frame | None = None) -> list[str]:
    """Widths at which the page could be pushed sideways."""
    found = []
    before = page.viewport_size
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        for part in {page.main_frame, frame or page.main_frame}:
            wide = part.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            found += [f"{where} at {width}: {wide} px too wide"] if wide > 0 else []
    if before:
        page.set_viewport_size(before)
    return found
