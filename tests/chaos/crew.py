"""Worker processes of the test's own, started again the moment they die: with orders to die at a place, or a wrong clock."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from app.outbox import QUEUES
from sandbox.stack import ROOT
from tests.chaos.product import Product


class Crew:
    """Keeps so many workers a queue alive until told to stop."""

    def __init__(
        self, product: Product, extra: Mapping[str, str], queues: tuple[str, ...], each: int
    ) -> None:
        self._env = product.stack.process_environment() | dict(extra)
        self._log = product.stack.supervisor.log_of("crew")
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.deaths = 0
        self.alive: dict[int, subprocess.Popen[bytes]] = {}
        places = [queue for queue in queues for _ in range(each)]
        self._threads = [
            threading.Thread(target=self._fill, args=(number, queue), daemon=True)
            for number, queue in enumerate(places)
        ]
        for thread in self._threads:
            thread.start()

    def _fill(self, number: int, queue: str) -> None:
        while not self._stop.is_set():
            with self._log.open("ab") as output:
                child = subprocess.Popen(
                    [sys.executable, "worker.py", "--tied", "worker", queue],
                    cwd=ROOT, env=self._env, stdin=subprocess.PIPE, stdout=output, stderr=output,
                )  # fmt: skip
            with self._lock:
                self.alive[number] = child
            child.wait()
            if child.stdin:
                child.stdin.close()
            with self._lock:
                self.deaths += not self._stop.is_set()

    def stop(self) -> None:
        """End all of them at once."""
        self._stop.set()
        while any(thread.is_alive() for thread in self._threads):
            with self._lock:
                for child in self.alive.values():
                    child.kill()
            for thread in self._threads:
                thread.join(0.2)


@contextmanager
def crew(
    product: Product,
    extra: Mapping[str, str] | None = None,
    queues: tuple[str, ...] = QUEUES,
    each: int = 2,
) -> Iterator[Crew]:
    """Send the product's own workers of these queues away and let others do their work meanwhile."""
    with away(product, queues), helpers(product, extra, queues, each) as people:
        yield people


@contextmanager
def away(product: Product, queues: tuple[str, ...] = QUEUES) -> Iterator[None]:
    """Send the product's own workers of these queues away for a while."""
    supervisor, names = product.stack.supervisor, [f"worker-{queue}" for queue in queues]
    for name in names:
        supervisor.pause(name)
    try:
        yield
    finally:
        for name in names:
            supervisor.resume(name)


@contextmanager
def helpers(
    product: Product, extra: Mapping[str, str] | None = None, queues: tuple[str, ...] = QUEUES, each: int = 2
) -> Iterator[Crew]:
    """Let workers of our own work beside the product's."""
    people = Crew(product, extra or {}, queues, each)
    try:
        yield people
    finally:
        people.stop()
