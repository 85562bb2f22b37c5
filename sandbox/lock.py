"""Locks that the kernel gives back when their holders are gone, so that kill -9 leaves nothing to clean up."""

import fcntl
import os
import time
from pathlib import Path


class Locked(RuntimeError):
    """Someone else holds the lock; `note` is what they wrote into it."""

    def __init__(self, path: Path, note: str) -> None:
        super().__init__(f"{path} is held by {note or 'another process'}")
        self.note = note


class Lock:
    """An exclusive lock on a file. Children that inherit `fd` keep it held after their parent died."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)

    def take(self, note: str, within: float = 0.0) -> None:
        """Take the lock and leave a note in it; raise Locked when it is not free in time."""
        end = time.monotonic() + within
        while not self._try():
            if time.monotonic() >= end:
                raise Locked(self.path, self.path.read_text(encoding="utf-8").strip())
            time.sleep(0.1)
        self.write(note)

    def write(self, note: str) -> None:
        """Replace the note that a second starter gets to read."""
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, note.encode(), 0)

    def close(self) -> None:
        """Let go of it."""
        os.close(self.fd)

    def _try(self) -> bool:
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
