"""Keeps the simulated providers' files over a restart, as the real ones would: the application's rows refer to them."""

import pickle
import sys
import threading
import time
from pathlib import Path

from sandbox.providers.state import World

FORMAT = 2
KEPT = ("offset", "ledger", "office", "mail", "phone")
SAVE_SECONDS = 1.0
SHARE_OF_TIME = 20  # at most one part in so many goes into saving


class Shelf:
    """One file, written at most once a second, less often as it grows, and only after something happened."""

    def __init__(self, world: World, path: Path) -> None:
        self._world = world
        self._path = path
        self._saved = -1

    def load(self) -> None:
        """Take up where the last run stopped; a file of another version is left alone and nothing is known."""
        if not self._path.exists():
            return
        try:
            kept = pickle.loads(self._path.read_bytes())  # noqa: S301 our own file, in a folder of our own
        except (ValueError, EOFError, AttributeError, ImportError, pickle.UnpicklingError) as error:
            kept = {"unreadable": error}
        if kept.get("format") != FORMAT:
            sys.stderr.write(f"simulator: starting empty, {self._path.name} is of another version\n")
            return
        with self._world.lock:
            for name in KEPT:
                setattr(self._world, name, kept[name])

    def save(self) -> None:
        """Write the files to disk, whole or not at all."""
        with self._world.lock:
            if self._saved == self._world.changes:
                return
            self._saved = self._world.changes
            data = pickle.dumps({"format": FORMAT} | {name: getattr(self._world, name) for name in KEPT})
        try:
            draft = self._path.with_suffix(".new")
            draft.write_bytes(data)
            draft.replace(self._path)
        except OSError as error:
            sys.stderr.write(f"simulator: not kept over a restart: {error}\n")

    def keep_saving(self) -> None:
        """Save in the background until the process ends."""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        took = 0.0
        while True:
            time.sleep(max(SAVE_SECONDS, took * SHARE_OF_TIME))
            start = time.monotonic()
            self.save()
            took = time.monotonic() - start
