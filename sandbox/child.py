"""One child process: started in its own process group, told to go when its parent dies, stopped within bounds."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.account import Account

_PR_SET_PDEATHSIG = 1
_LOG_LIMIT = 10_000_000


def always() -> bool:
    """The readiness of a program that serves nobody."""
    return True


@dataclass(frozen=True)
class Program:
    """What to run and how: `ready` tells whether it serves, `stop_signal` asks it to end."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    ready: Callable[[], bool] = always
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    keep_fds: Sequence[int] = field(default=())


class Child:
    """A running program."""

    def __init__(self, program: Program, log: Path) -> None:
        self.program = program
        self.started_at = time.monotonic()
        if log.exists() and log.stat().st_size > _LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                program.argv,
                env=dict(program.env),
                cwd=program.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
                pass_fds=program.keep_fds,
                preexec_fn=_go_with_parent(program.stop_signal),  # noqa: PLW1509  it takes no lock
                **(program.account.popen() if program.account else {}),
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended, None while it runs."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """Send the signal that ends it in order."""
        if self.exit_code is None:
            self._process.send_signal(self.program.stop_signal)

    def wait_stopped(self) -> None:
        """Wait for its end as long as it may take, then end it and what is left of its group by force."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(self.program.stop_seconds)
        self.end_group()
        self._process.wait()

    def end_group(self) -> None:
        """Kill the process group: a dead server's own children would keep its port."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


def _go_with_parent(last_signal: signal.Signals) -> Callable[[], None] | None:
    """Make the function that runs in the child before exec: the kernel signals the child when its parent dies."""
    if sys.platform != "linux":
        return None
    parent = os.getpid()
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork: the child must not take the loader's lock

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, int(last_signal))
        if os.getppid() != parent:
            os._exit(1)

    return in_child
