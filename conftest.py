"""How tests are spread over processes: journeys that share one running product stay together, all others go anywhere."""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

SHARE_A_PRODUCT = ("e2e/", "tests/faults/", "tests/chaos/test_product.py")


class ByProduct(LoadScopeScheduling):
    """Gives each of these folders to one process, and every other test to whoever is free."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in SHARE_A_PRODUCT if nodeid.startswith(folder)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByProduct:  # Any: xdist's own logger
    """Replace xdist's way to group by marks, which finds none of them under pytest 9.2."""
    return ByProduct(config, log)
