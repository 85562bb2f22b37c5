"""The lock: held by one, free again the moment its holder is gone, however it went."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.lock import Lock, Locked

HOLDER = """
import sys, time
from pathlib import Path
from sandbox.lock import Lock
lock = Lock(Path(sys.argv[1]))
lock.take("process 1")
print("held", flush=True)
time.sleep(60)
"""


def hold_elsewhere(path: Path) -> subprocess.Popen[bytes]:
    """Take the lock in another process."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_a_second_taker_is_told_who_holds_it(tmp_path: Path) -> None:
    with hold_elsewhere(tmp_path / "lock") as holder:
        second = Lock(tmp_path / "lock")
        with pytest.raises(Locked) as refusal:
            second.take("process 2")
        assert refusal.value.note == "process 1"
        second.close()
        holder.kill()


def test_kill_9_leaves_nothing_to_clean_up(tmp_path: Path) -> None:
    with hold_elsewhere(tmp_path / "lock") as holder:
        holder.send_signal(signal.SIGKILL)
    lock = Lock(tmp_path / "lock")
    lock.take("process 2")
    lock.close()


def test_a_child_that_inherits_it_keeps_it_held(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock")
    lock.take("parent")
    with subprocess.Popen(["/bin/sleep", "60"], pass_fds=[lock.fd]) as child:
        lock.close()
        again = Lock(tmp_path / "lock")
        with pytest.raises(Locked):
            again.take("second")
        child.kill()
        again.take("second", within=5)
        again.close()
