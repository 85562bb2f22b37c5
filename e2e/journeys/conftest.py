"""The people of the journeys: each comes with a fresh browser, whose console must stay clean."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from e2e.evidence import Evidence
from e2e.visitor import Visitor


@pytest.fixture
def visitors() -> list[Visitor]:
    """Everybody of this journey."""
    return []


@pytest.fixture
def arrive(browser: Browser, visitors: list[Visitor], evidence: Evidence) -> Iterator[Callable[..., Visitor]]:
    """Let somebody arrive with a fresh browser; afterwards nobody's console may hold an error."""

    def new(**wishes: Any) -> Visitor:
        visitors.append(Visitor.with_fresh(browser, **wishes))
        return visitors[-1]

    yield new
    for visitor in visitors:
        visitor.context.close()
    assert [said for visitor in visitors for said in visitor.watch.surprises] == []


@pytest.fixture
def visitor(arrive: Callable[..., Visitor]) -> Visitor:
    """One visitor on a phone."""
    return arrive(viewport={"width": 390, "height": 844})
