"""The web server: one application in memory for all its processes, and a process that ends is replaced."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from flask import Flask

from app import create_app
from app.web import warm
from sandbox import ports

ROOT = Path(__file__).parents[2]
LONG = 60.0


@pytest.fixture
def server(app: Flask, environ: dict[str, str], tmp_path: Path) -> Iterator[tuple[int, int]]:
    """The real server on the database of the tests: its process and its port."""
    port = ports.pick()
    names = os.environ | environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "web.py", "--port", str(port)], cwd=ROOT, env=names, stdout=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: answers(port))
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(LONG)


def wait_for(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as reply:
            return bool(reply.status == 200)
    except (URLError, OSError):
        return False


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_its_processes_share_the_application(server: tuple[int, int]) -> None:
    workers = children(server[0])
    assert len(workers) == 2
    for worker in workers:
        words = Path(f"/proc/{worker}/smaps_rollup").read_text()
        rss, pss = (int(re.search(rf"^{name}:\s+(\d+)", words, re.MULTILINE)[1]) for name in ("Rss", "Pss"))
        assert pss < 0.7 * rss, "a copy of its own would count in full"


def test_a_process_that_ends_is_replaced(server: tuple[int, int]) -> None:
    pid, port = server
    before = children(pid)
    os.kill(before[0], signal.SIGKILL)
    wait_for(lambda: len(children(pid)) == 2 and before[0] not in children(pid))
    wait_for(lambda: answers(port))


def test_warming_up_needs_no_database(environ: dict[str, str]) -> None:
    away = create_app(environ | {"DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/none"})
    warm.up(away)
    assert "wizard/zip.html" in {name for _loader, name in away.jinja_env.cache}
