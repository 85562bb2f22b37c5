"""The supervisor: what dies is started again, what is stopped stops in order, nothing outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.child import Program
from sandbox.supervisor import StartFailed, Supervisor

PARENT = """
import sys, time
from pathlib import Path
from sandbox.child import Program
from sandbox.supervisor import Supervisor
supervisor = Supervisor(Path(sys.argv[1]))
supervisor.start(Program("sleeper", ["/bin/sleep", "60"], {}, Path("/")))
print(supervisor.pid("sleeper"), flush=True)
time.sleep(60)
"""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """A supervisor whose children are gone after the test."""
    made = Supervisor(tmp_path / "log")
    yield made
    made.stop()


def shell(name: str, script: str, ready: Callable[[], bool] = lambda: True) -> Program:
    """Describe a small shell program."""
    return Program(
        name, ["/bin/sh", "-c", script], {"PATH": "/bin:/usr/bin"}, Path("/"), ready, stop_seconds=1
    )


def wait_until(happened: Callable[[], bool], within: float = 5.0) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + within
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Tell whether a process exists and is no zombie."""
    state = subprocess.run(["/bin/cat", f"/proc/{pid}/stat"], capture_output=True, check=False).stdout
    return bool(state) and b") Z " not in state


def test_a_killed_child_is_started_again_within_two_seconds(supervisor: Supervisor) -> None:
    supervisor.start(shell("sleeper", "exec sleep 60"))
    first = supervisor.pid("sleeper")
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: supervisor.tick() == ["sleeper"])
    wait_until(lambda: supervisor.tick() == [] and supervisor.pid("sleeper") != first, within=2)


def test_a_child_that_keeps_dying_is_given_longer_and_longer(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(shell("crasher", f"echo x >> '{tmp_path}/starts'; exit 1"))
    end = time.monotonic() + 3.5
    while time.monotonic() < end:
        supervisor.tick()
        time.sleep(0.02)
    assert len((tmp_path / "starts").read_text().split()) == 3


def test_the_last_started_stop_first(supervisor: Supervisor, tmp_path: Path) -> None:
    script = "trap 'echo {0} >> \"{1}/stopped\"; exit 0' TERM; touch '{1}/{0}'; while :; do sleep 0.05; done"
    for name in ("database", "web", "worker"):
        supervisor.start(shell(name, script.format(name, tmp_path), ready=(tmp_path / name).exists))
    supervisor.stop()
    assert (tmp_path / "stopped").read_text().split() == ["worker", "web", "database"]


def test_a_child_that_will_not_stop_is_ended(supervisor: Supervisor, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    supervisor.start(
        shell("stubborn", f"trap '' TERM; touch '{ready}'; while :; do sleep 1; done", ready.exists)
    )
    pid = supervisor.pid("stubborn")
    supervisor.stop()
    assert not is_alive(pid)


def test_a_program_that_ends_at_once_says_why(supervisor: Supervisor) -> None:
    with pytest.raises(StartFailed, match=r"ended with code 3(?s:.*)no such table"):
        supervisor.start(shell("broken", "echo no such table >&2; exit 3", ready=lambda: False))


def test_a_paused_child_stays_down_until_it_is_resumed(supervisor: Supervisor) -> None:
    supervisor.start(shell("valkey", "exec sleep 60"))
    first = supervisor.pid("valkey")
    supervisor.pause("valkey")
    assert supervisor.tick() == []
    assert not is_alive(first)
    supervisor.resume("valkey")
    assert is_alive(supervisor.pid("valkey"))


def test_children_die_with_their_parent(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, tmp_path], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.kill()
    wait_until(lambda: not is_alive(child))
