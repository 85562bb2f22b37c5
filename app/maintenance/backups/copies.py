"""Folders that hold a copy in clear for a while: removed at their end, or by the next command when their maker was killed."""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from app.log import log
from app.maintenance.backups import programs
from app.maintenance.backups.store import BackupError, Store, alone

DATA = "data"
END_WITHIN, KILL_WITHIN = 60.0, 20.0


@contextmanager
def folder(store: Store, prefix: str, scratch: Path | None) -> Iterator[Path]:
    """Make a folder that a copy may lie in, and remove it whatever happens.

    A note beside the backups names it, locked as long as we live: a note that can be locked belongs to somebody who died.
    """
    with alone(store, "copies", wait=True):
        made = Path(tempfile.mkdtemp(prefix=prefix, dir=scratch)).absolute()
        path = notes(store) / f"{made.name}.json"
        note = take_note(path, made)
    with note:
        try:
            programs.hand_over([made], programs.server_user())
            yield made
        finally:
            shutil.rmtree(made)
            path.unlink()


def take_note(path: Path, made: Path) -> IO[str]:
    """Write the note and hold it; it gets its name when it is whole."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    part = path.with_suffix(".part")
    note = part.open("x", encoding="utf-8")
    fcntl.flock(note, fcntl.LOCK_EX)
    json.dump({"machine": socket.gethostname(), "folder": str(made)}, note)
    note.flush()
    part.rename(path)
    return note


def notes(store: Store) -> Path:
    """Return where the notes lie."""
    return store.folder / "copies"


def clear(store: Store) -> list[Path]:
    """End and remove every copy of this machine whose maker was killed; answer where they lay."""
    gone = []
    with alone(store, "copies", wait=True):
        for path in sorted(notes(store).glob("*.json")):
            with path.open(encoding="utf-8") as note:
                left = left_by_the_dead(note)
                if left is None:
                    continue
                end_server(left / DATA)
                if left.exists():
                    shutil.rmtree(left)
                path.unlink()
            log.warning("left_copy_removed", folder=str(left))
            gone.append(left)
    return gone


def left_by_the_dead(note: IO[str]) -> Path | None:
    """Return the folder of a note that nobody holds, if it lies on this machine."""
    try:
        fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    known = json.load(note)
    return Path(known["folder"]) if known["machine"] == socket.gethostname() else None


def end_server(data: Path) -> None:
    """End the server that wrote its number into this folder, without care for what it holds: that goes too."""
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return  # it never began, or has ended
    for number, seconds in ((signal.SIGQUIT, END_WITHIN), (signal.SIGKILL, KILL_WITHIN)):
        if not works_on(pid, data):
            return
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        end = time.monotonic() + seconds
        while works_on(pid, data) and time.monotonic() < end:
            time.sleep(0.1)
    if works_on(pid, data):
        raise BackupError(f"process {pid} of a copy that was left behind does not end")


def works_on(pid: int, data: Path) -> bool:
    """Say whether that process is a server on this folder: a number may belong to somebody else by now."""
    if Path("/proc/self/cmdline").exists():
        try:
            said = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return False
    else:
        asked = ["ps", "-ww", "-o", "args=", "-p", str(pid)]
        said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    return f" -D {data} " in said
