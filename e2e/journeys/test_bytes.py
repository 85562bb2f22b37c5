"""What a page costs on a bad connection: bytes, requests and nodes, counted on the wire."""

from collections.abc import Callable

from playwright.sync_api import Page, Response

from e2e.pages.wizard import STEPS, Wizard, open_booking
from e2e.visitor import Visitor

FIRST_PAGE_BYTES, FIRST_PAGE_REQUESTS = 30_000, 4
FRAGMENT_BYTES, NODES, SCRIPT_BYTES = 3_000, 200, 20_000


def test_the_first_page_is_small_and_comes_from_us_alone(visitor: Visitor, base: str) -> None:
    answers: list[Response] = []
    visitor.page.on("response", keep_in(answers))
    wizard = open_booking(visitor.page, base)
    visitor.page.wait_for_load_state("networkidle")
    parts = {answer.url: size(answer) for answer in answers if answer.status == 200}
    icon = visitor.page.locator("link[rel=icon]").evaluate("link => link.href")
    if icon not in parts:  # a browser without tabs does not ask for it, a visitor's does
        parts[icon] = size_of_icon(visitor.page, icon)
    assert wizard.frame.url in parts
    assert len(parts) <= FIRST_PAGE_REQUESTS, parts
    assert sum(parts.values()) <= FIRST_PAGE_BYTES, parts
    assert all(url.startswith(base) for url in parts)
    assert sum(bytes_ for url, bytes_ in parts.items() if url.endswith(".js")) <= SCRIPT_BYTES, parts


def test_every_later_step_is_one_small_answer(visitor: Visitor, base: str) -> None:
    answers: list[Response] = []
    wizard = open_booking(visitor.page, base)
    few_nodes(wizard)
    visitor.page.on("response", keep_in(answers))
    for step in STEPS:
        answers.clear()
        wizard.is_on(step).answer(step)
        wizard.press(step)
        wizard.is_on((*STEPS, "done")[STEPS.index(step) + 1])
        few_nodes(wizard)
        (answer,) = [answer for answer in answers if answer.request.method == "POST"]
        body = answer.request.sizes()["responseBodySize"]
        assert body <= FRAGMENT_BYTES, f"the answer to {step} has {body} bytes"
        assert answer.header_value("content-encoding") in {"br", "gzip", "zstd"}


def keep_in(answers: list[Response]) -> Callable[[Response], None]:
    """A listener that keeps every answer."""

    def keep(answer: Response) -> None:
        answers.append(answer)

    return keep


def size(answer: Response) -> int:
    """Bytes of an answer with its headers."""
    answer.finished()
    sizes = answer.request.sizes()
    return sizes["responseBodySize"] + sizes["responseHeadersSize"]


def size_of_icon(page: Page, url: str) -> int:
    """Bytes of the icon, fetched as a browser with tabs would."""
    answer = page.request.get(url)
    headers = sum(len(name) + len(value) + 4 for name, value in answer.headers.items())
    return headers + int(answer.headers["content-length"])


def few_nodes(wizard: Wizard) -> None:
    """Count the elements of the whole page."""
    nodes = wizard.frame.evaluate("document.querySelectorAll('*').length")
    assert nodes <= NODES, f"{wizard.step} has {nodes} elements"
