"""One running product and one browser for all journeys."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright
from redis import Redis

from app.outbox import QUEUES
from e2e import browsers, control_site
from e2e.evidence import Evidence, wait_for
from sandbox import envfile
from sandbox.stack import running_stack

PICTURES = Path(__file__).parents[1] / ".test" / "pictures"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Let a failed journey leave pictures of what was on the screens."""
    report = yield
    if report.failed and report.when == "call":
        for number, visitor in enumerate(getattr(item, "funcargs", {}).get("visitors", [])):
            visitor.take_picture(PICTURES / f"{item.name}-{number}.png")
    return report


@pytest.fixture(scope="session")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """Settings of a product of our own, or of the running one whose env file E2E_ENV names."""
    if running := os.environ.get("E2E_ENV"):
        yield envfile.read(Path(running))
        return
    with running_stack(tmp_path_factory.mktemp("stack"), JOB_LEASE_SECONDS="3") as stack:
        wait_for(lambda: has_workers(stack.env), 60, "a worker for each queue")
        yield stack.env


def has_workers(env: Mapping[str, str]) -> bool:
    """Tell whether somebody works on every queue: pages answer before the workers do."""
    with Redis.from_url(env["REDIS_URL"]) as doorbell:
        return int(doorbell.scard("rq:workers")) == len(QUEUES)


@pytest.fixture
def base(env: Mapping[str, str]) -> str:
    """Where the product's pages are."""
    return env["PUBLIC_BASE_URL"]


@pytest.fixture
def evidence(env: Mapping[str, str]) -> Iterator[Evidence]:
    """The database and the simulator's ledger, after holds of earlier visitors ended."""
    evidence = Evidence(env)
    evidence.release_holds()
    yield evidence
    evidence.close()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """The driver of browsers."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """The browser that visitors share."""
    with browsers.launch(playwright) as running:
        yield running


@pytest.fixture(scope="session")
def control_port() -> Iterator[int]:
    """The site beside the product."""
    with control_site.serve() as port:
        yield port
