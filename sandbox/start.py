"""What `./run` runs: one stack in `.local`, told about line by line, until Ctrl-C."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from sandbox import ports, settings
from sandbox.account import AccountMissing
from sandbox.binaries import ProgramMissing
from sandbox.home import erase
from sandbox.lock import Lock, Locked
from sandbox.postgres import ClusterFailed
from sandbox.stack import ROOT, PreparationFailed, Stack, wait_for_last_run
from sandbox.supervisor import StartFailed

_FIRST_PORT = 8000
_LOCKS = frozenset({"lock", "children.lock"})
_EXPECTED = (AccountMissing, ProgramMissing, ClusterFailed, PreparationFailed, StartFailed, ports.NoFreePort)


class CannotStart(RuntimeError):
    """Something of the caller's stands in the way; the message says what to do."""


class Stopped(BaseException):
    """Someone asked us to stop: not an error, and nothing but the outermost frame may catch it."""


def main(arguments: list[str]) -> int:
    """Start, stay, stop; one clear line and code 1 when that cannot be."""
    options = _parse(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        _run(options, ROOT / ".local")
    except Stopped:
        return 0
    except (CannotStart, *_EXPECTED) as error:
        print(f"Could not start: {error}", file=sys.stderr)
        return 1
    except PermissionError as error:
        print(f"Could not start: {error}. Was .local made by another user?", file=sys.stderr)
        return 1
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run", description="Run A1 Garage Booking on this machine.")
    parser.add_argument(
        "--port", type=int, help="port of the booking pages (otherwise the next free one from 8000)"
    )
    parser.add_argument("--reset", action="store_true", help="start from nothing: removes .local")
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace, local: Path) -> None:
    began = time.monotonic()
    local.mkdir(exist_ok=True)
    lock = Lock(local / "lock")
    try:
        lock.take(f"process {os.getpid()}")
    except Locked as error:
        raise CannotStart(f"it already runs in this folder ({error.note}). Stop that one first.") from None
    children = _wait_for_last_run(local)
    port = _choose_port(options.port)
    wishes = settings.caller_wishes(os.environ, local)
    if options.reset:
        erase(local, keep=_LOCKS)
    stack = Stack(local, port=port, wishes=wishes, children=children, say=_say)
    try:
        stack.start()
        lock.write(f"process {os.getpid()}, {stack.env['PUBLIC_BASE_URL']}")
        _tell(stack.env, time.monotonic() - began)
        _stay(stack)
    finally:
        _ignore_signals()
        if stack.supervisor.is_busy:
            _say("Stopping")
            stack.stop()
            _say("Stopped")


def _wait_for_last_run(local: Path) -> Lock:
    try:
        return wait_for_last_run(local)
    except Locked:
        raise CannotStart(
            "servers of the last run in this folder have not ended yet. Try again in a minute."
        ) from None


def _choose_port(wanted: int | None) -> int:
    if wanted is None:
        return ports.next_free(_FIRST_PORT)
    try:
        if 0 < wanted < 65536 and ports.can_bind(wanted):
            return wanted
    except PermissionError:
        raise CannotStart(
            f"port {wanted} needs more rights than this user has. Choose one above 1023."
        ) from None
    if not 0 < wanted < 65536:
        raise CannotStart(f"{wanted} is no port. Choose one from 1 to 65535.")
    raise CannotStart(
        f"port {wanted} is taken. Choose another with --port, or leave it out for the next free one."
    )


def _tell(env: dict[str, str], seconds: float) -> None:
    query = "?utm_source=demo&utm_medium=cpc&utm_campaign=spring&gclid=demo-click"
    lines = [
        f"Ready after {seconds:.1f} s. Ctrl-C stops everything.",
        "",
        f"  Book a visit            {env['PUBLIC_BASE_URL']}/book",
        f"  On a partner's page     {env['DEMO_PARTNER_URL']}{query}",
        f"  Staff                   {env['PUBLIC_BASE_URL']}/staff/   {env['STAFF_EMAIL']}   {env['STAFF_PASSWORD']}",
    ]
    if env["SIMULATOR_URL"]:
        lines.append(f"  What providers received {env['SIMULATOR_URL']}/")
    _print("\n".join(["", *lines, ""]))


def _stay(stack: Stack) -> None:
    while True:
        for name in stack.supervisor.tick():
            _say(f"{name} ended and is started again; see {stack.supervisor.log_of(name)}")
        time.sleep(0.1)


def _say(line: str) -> None:
    _print(f"  {line}")


def _print(text: str) -> None:
    """Print, or keep quiet from then on where nobody reads: a closed terminal is no reason to stop half-way."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Stopped


def _ignore_signals() -> None:
    """Let the stop, which is bounded, finish: a second Ctrl-C would leave it half done."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
