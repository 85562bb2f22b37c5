"""Waits for something that happens in the background, as long as a busy machine may need."""

import time
from collections.abc import Callable

LONGEST = 60.0


def until(condition: Callable[[], object]) -> None:
    """Return as soon as the condition holds; fail when it never does."""
    end = time.monotonic() + LONGEST
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)
