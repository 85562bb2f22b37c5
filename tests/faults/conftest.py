"""The whole product, to take parts away from it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.stack import Stack, running_stack
from tests.faults.live import Live


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep all of these in one process: they share one product."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("faults"))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running product of our own; its leases give a call two seconds, which a busy machine needs."""
    with running_stack(tmp_path_factory.mktemp("faults"), JOB_LEASE_SECONDS="24") as running:
        yield running


@pytest.fixture
def live(stack: Stack) -> Iterator[Live]:
    """A person at the running product, and an eye on what the providers got."""
    person = Live(stack.env)
    yield person
    person.close()
