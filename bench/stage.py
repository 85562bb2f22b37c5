"""What benches stand on: the whole product on a throw-away cluster with its workers resting, and the bare control beside it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, create_engine

from app.config import Settings, load_settings
from sandbox import ports
from sandbox.child import Program
from sandbox.readiness import answers
from sandbox.stack import ROOT, Stack, running_stack

RESTING = ("dispatcher", "worker-critical", "worker-notify", "worker-sync")


@dataclass(frozen=True)
class Server:
    """A web server: where it listens and which process to charge."""

    port: int
    pid: int


@dataclass(frozen=True)
class Stage:
    """The product, its control, and the owner's way into their database."""

    stack: Stack
    owner: Engine
    settings: Settings
    product: Server
    bare: Server


@contextmanager
def stage(**wishes: str) -> Iterator[Stage]:
    """Run product and control; nothing else of the product works meanwhile."""
    with (
        tempfile.TemporaryDirectory(prefix="a1-bench-") as folder,
        running_stack(Path(folder), **wishes) as stack,
    ):
        for name in RESTING:
            stack.supervisor.pause(name)
        owner = create_engine(stack.env["MIGRATION_DATABASE_URL"])
        try:
            yield Stage(stack, owner, load_settings(stack.env), product_of(stack), start_bare(stack))
        finally:
            owner.dispose()


def product_of(stack: Stack) -> Server:
    """Return the product's web server."""
    port = int(stack.env["PUBLIC_BASE_URL"].rpartition(":")[2])
    return Server(port, stack.supervisor.pid("web"))


def start_bare(stack: Stack) -> Server:
    """Start the control on the same kind of server, on the same database."""
    port = ports.pick()
    ready = f"http://127.0.0.1:{port}/ready"
    program = Program(
        name="bare",
        argv=[str(stack.env["A1_PYTHON"]), "web.py", "bench.bare:app", "--port", str(port)],
        env=os.environ | stack.env,
        cwd=ROOT,
        ready=lambda: answers(ready),
    )
    stack.supervisor.start(program)
    return Server(port, stack.supervisor.pid("bare"))
