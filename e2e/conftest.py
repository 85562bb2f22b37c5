"""One running product and one browser for all journeys; a fresh visitor for each, whose console must stay clean."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright, sync_playwright

from e2e import browsers, control_site
from e2e.evidence import Evidence
from e2e.watch import Watch
from sandbox import envfile
from sandbox.stack import running_stack

PICTURES = Path(__file__).parents[1] / ".test" / "pictures"


@dataclass(frozen=True)
class Visitor:
    """Somebody with a browser of their own."""

    context: BrowserContext
    page: Page
    watch: Watch


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep all journeys in one process: they share one product."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("e2e"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Let a failed journey leave a picture of what was on the screen."""
    report = yield
    if report.failed and report.when == "call":
        for number, visitor in enumerate(item.funcargs.get("visitors", [])):  # type: ignore[attr-defined]
            PICTURES.mkdir(parents=True, exist_ok=True)
            with suppress(Error):  # a page that hangs must not hide why
                visitor.page.screenshot(path=PICTURES / f"{item.name}-{number}.png", full_page=True)
    return report


@pytest.fixture(scope="session")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """Settings of the whole product: one of our own, or the running one whose env file E2E_ENV names."""
    if running := os.environ.get("E2E_ENV"):
        yield envfile.read(Path(running))
        return
    with running_stack(tmp_path_factory.mktemp("stack"), JOB_LEASE_SECONDS="3") as stack:
        yield stack.env


@pytest.fixture(scope="session")
def base(env: Mapping[str, str]) -> str:
    """Where the product's pages are."""
    return env["PUBLIC_BASE_URL"]


@pytest.fixture(scope="session")
def all_evidence(env: Mapping[str, str]) -> Iterator[Evidence]:
    """The database and the simulator's ledger."""
    evidence = Evidence(env)
    yield evidence
    evidence.close()


@pytest.fixture
def evidence(all_evidence: Evidence) -> Evidence:
    """The same, after holds of earlier visitors ended."""
    all_evidence.release_holds()
    return all_evidence


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """The driver of browsers."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """The browser that visitors share."""
    running = browsers.launch(playwright)
    yield running
    running.close()


@pytest.fixture(scope="session")
def control_port() -> Iterator[int]:
    """The site beside the product."""
    with control_site.serve() as port:
        yield port


@pytest.fixture
def visitors() -> list[Visitor]:
    """Everybody of this journey."""
    return []


@pytest.fixture
def arrive(browser: Browser, visitors: list[Visitor], evidence: Evidence) -> Iterator[Callable[..., Visitor]]:
    """Let somebody arrive with a fresh browser; afterwards nobody's console may hold an error."""

    def new(**wishes: Any) -> Visitor:
        context = browsers.open_context(browser, **wishes)
        watch = Watch().follow(context)
        visitors.append(Visitor(context, context.new_page(), watch))
        return visitors[-1]

    yield new
    for visitor in visitors:
        visitor.context.close()
    assert [said for visitor in visitors for said in visitor.watch.surprises] == []


@pytest.fixture
def visitor(arrive: Callable[..., Visitor]) -> Visitor:
    """One visitor on a phone."""
    return arrive(viewport={"width": 390, "height": 844})
