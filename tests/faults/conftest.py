"""The whole product, to take parts away from it."""

from collections.abc import Iterator

import pytest

from sandbox.stack import Stack, running_stack
from tests.faults.live import Live


@pytest.fixture(scope="session")
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
