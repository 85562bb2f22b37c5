"""Does what is due on the simulated clock, in the background: deliveries, callbacks and their repetitions."""

import heapq
import itertools
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta

Task = Callable[[], object]
HANDS = 12
LONGEST_NAP = 0.5


class Clockwork:
    """One thread watches the clock, a few hands do the work: a callback that hangs holds up nobody else."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._due: list[tuple[datetime, int, Task]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._work: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self._started = False

    def after(self, seconds: float, task: Task) -> None:
        """Do something so many simulated seconds from now."""
        self.at(self._now() + timedelta(seconds=seconds), task)

    def at(self, due: datetime, task: Task) -> None:
        """Do something at a time of the simulated clock."""
        with self._changed:
            heapq.heappush(self._due, (due, next(self._numbers), task))
            self._start()
            self._changed.notify()

    def wake(self) -> None:
        """Look at the clock again: somebody has moved it."""
        with self._changed:
            self._changed.notify()

    def clear(self) -> None:
        """Forget what is not done yet."""
        with self._changed:
            self._due.clear()

    def _start(self) -> None:
        if self._started:
            return
        self._started = True
        for work in (self._watch, *[self._lend_a_hand] * HANDS):
            threading.Thread(target=work, daemon=True).start()

    def _watch(self) -> None:
        while True:
            with self._changed:
                while self._due and self._due[0][0] <= self._now():
                    self._work.put(heapq.heappop(self._due)[2])
                nap = (self._due[0][0] - self._now()).total_seconds() if self._due else LONGEST_NAP
                self._changed.wait(min(max(nap, 0.001), LONGEST_NAP))

    def _lend_a_hand(self) -> None:
        while True:
            task = self._work.get()
            try:
                task()
            except Exception:  # noqa: BLE001 the next callback must not suffer for this one
                sys.stderr.write(f"simulator: in the background:\n{traceback.format_exc()}")
