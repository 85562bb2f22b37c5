"""Keeps child processes running: starts them in groups, restarts the dead, stops the groups in reverse order."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from sandbox.child import Child, Program

_DELAYS = (1.0, 2.0, 4.0, 5.0)  # seconds before the next restart of what keeps dying
_HEALTHY_AFTER = 10.0
_TICK = 0.1


class StartFailed(RuntimeError):
    """A program ended or did not serve in time; the message carries the end of its log."""


@dataclass
class _Slot:
    """A place in the order of starting, with the child that fills it now."""

    program: Program
    child: Child
    restarts: int = 0
    paused: bool = False
    restart_at: float | None = None


class Supervisor:
    """Owns the children of one stack. All of it may be called from several threads."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._groups: list[list[_Slot]] = []
        self._lock = threading.RLock()
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, *programs: Program, within: float = 60.0) -> None:
        """Start programs side by side and wait until each serves."""
        self.launch(*programs)
        for program in programs:
            self.wait_ready(program.name, within)

    def launch(self, *programs: Program) -> None:
        """Start programs side by side as one group, without waiting."""
        with self._lock:
            group: list[_Slot] = []
            self._groups.append(group)
            for program in programs:
                group.append(_Slot(program, Child(program, self.log_of(program.name))))  # noqa: PERF401  a failure in the middle must leave those started in the group

    def wait_ready(self, name: str, within: float = 60.0) -> None:
        """Wait until the program serves; raise StartFailed when it ends or takes too long."""
        slot, end = self._slot(name), time.monotonic() + within
        while not slot.program.ready():
            if slot.child.exit_code is not None:
                raise StartFailed(f"{name} ended with code {slot.child.exit_code}.\n{self.tail(name)}")
            if time.monotonic() > end:
                raise StartFailed(f"{name} did not answer within {within:.0f} s.\n{self.tail(name)}")
            time.sleep(_TICK)

    def tick(self) -> list[str]:
        """Restart what died and is due; give the names of those that were found dead just now."""
        with self._lock:
            return [slot.program.name for group in self._groups for slot in group if self._look_after(slot)]

    def stop(self) -> None:
        """Stop everything, the group that started last first; a group's members stop side by side."""
        with self._lock:
            while self._groups:
                group = self._groups[-1]
                for slot in group:
                    slot.child.ask_to_stop()
                for slot in group:
                    slot.child.wait_stopped()
                self._groups.pop()

    @property
    def is_busy(self) -> bool:
        """Tell whether anything was started and not stopped again."""
        return bool(self._groups)

    def pid(self, name: str) -> int:
        """Give the process id of the child of that name."""
        return self._slot(name).child.pid

    def restarts(self, name: str) -> int:
        """Tell how often the child of that name died in quick succession."""
        return self._slot(name).restarts

    def pause(self, name: str) -> None:
        """Stop one child in order and leave it stopped until `resume`."""
        with self._lock:
            slot = self._slot(name)
            slot.paused = True
            slot.child.ask_to_stop()
            slot.child.wait_stopped()

    def resume(self, name: str, within: float = 60.0) -> None:
        """Start a paused child again and wait until it serves."""
        with self._lock:
            slot = self._slot(name)
            slot.child = Child(slot.program, self.log_of(name))
            slot.paused = False
        self.wait_ready(name, within)

    def log_of(self, name: str) -> Path:
        """Name the file that a child's output goes to."""
        return self._logs / f"{name}.log"

    def tail(self, name: str, lines: int = 15) -> str:
        """Give the end of a child's log, for a message."""
        text = self.log_of(name).read_text(encoding="utf-8", errors="replace")
        return f"Last lines of {self.log_of(name)}:\n" + "\n".join(text.splitlines()[-lines:])

    def _slot(self, name: str) -> _Slot:
        return next(slot for group in self._groups for slot in group if slot.program.name == name)

    def _look_after(self, slot: _Slot) -> bool:
        """Plan or carry out one child's restart; true when it was found dead just now."""
        if slot.paused or slot.child.exit_code is None:
            return False
        now = time.monotonic()
        if slot.restart_at is None:
            if now - slot.child.started_at > _HEALTHY_AFTER:
                slot.restarts = 0
            slot.child.end_group()
            slot.restart_at = now + _DELAYS[min(slot.restarts, len(_DELAYS) - 1)]
            slot.restarts += 1
            return True
        if now >= slot.restart_at:
            slot.restart_at = None
            slot.child = Child(slot.program, self.log_of(slot.program.name))
        return False
