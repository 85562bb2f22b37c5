"""The instruments of the chaos run do what they say: places to die at, the proxy, the seeded plan."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import SettingsError
from app.jobs import killpoint
from app.jobs.killpoint import Point
from sandbox.stack import ROOT
from tests.chaos.controls import GUARDS, Guard
from tests.chaos.faults import Fault
from tests.chaos.proxy import COMMIT, Mode, Proxy
from tests.chaos.schedule import planned


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that says everything back, and its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(client,), daemon=True).start()

    def answer(client: socket.socket) -> None:
        with client:
            while data := client.recv(1000):
                client.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    made = Proxy(echo, delay=0.3)
    yield made
    made.close()


def say(proxy: Proxy, words: bytes, patience: float = 5.0) -> bytes:
    """Send words through a connection of their own and return what comes back."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=patience) as line:
        line.sendall(words)
        return line.recv(1000)


def test_a_proxy_passes_refuses_resets_and_recovers(proxy: Proxy) -> None:
    assert say(proxy, b"hello") == b"hello"
    proxy.set(Mode.REFUSE)
    with pytest.raises(ConnectionRefusedError):
        say(proxy, b"hello")
    proxy.set(Mode.RESET)
    with pytest.raises(ConnectionError):
        say(proxy, b"hello")
    proxy.set(Mode.PASS)
    assert say(proxy, b"hello") == b"hello"


def test_a_black_hole_answers_nothing_until_it_is_gone(proxy: Proxy) -> None:
    proxy.set(Mode.BLACKHOLE)
    with pytest.raises(TimeoutError):
        say(proxy, b"hello", 0.3)
    proxy.set(Mode.DELAY)
    assert say(proxy, b"hello") == b"hello"


def test_cutting_breaks_what_is_open(proxy: Proxy) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as line:
        line.sendall(b"hello")
        assert line.recv(10) == b"hello"
        proxy.cut()
        with pytest.raises(ConnectionError):
            line.recv(10)


def test_the_answer_to_a_commit_is_lost_as_often_as_ordered(proxy: Proxy) -> None:
    proxy.drop_commit_reply()
    with pytest.raises(ConnectionError):
        say(proxy, b"Q\x00\x00\x00\x0b" + COMMIT)
    assert proxy.dropped_commits == 1
    assert say(proxy, b"Q\x00\x00\x00\x0b" + COMMIT)


def test_the_same_seed_gives_the_same_plan_with_every_kind_of_fault() -> None:
    plan = planned(7, 60)
    assert plan == planned(7, 60) != planned(8, 60)
    assert set(plan) == set(Fault)


def test_a_place_to_die_at_is_refused_in_production_and_when_it_does_not_exist(tmp_path: Path) -> None:
    order = {"A1_KILL_AT": Point.AFTER_CLAIM, "A1_KILL_NOTES": str(tmp_path)}
    with pytest.raises(SettingsError, match="production"):
        killpoint.arm(order, is_production=True)
    with pytest.raises(SettingsError, match="somewhere"):
        killpoint.arm(order | {"A1_KILL_AT": "somewhere"}, is_production=False)
    with pytest.raises(SettingsError, match="A1_KILL_NOTES"):
        killpoint.arm({"A1_KILL_AT": Point.AFTER_CLAIM}, is_production=False)


def test_nobody_dies_who_was_not_told_to(tmp_path: Path) -> None:
    killpoint.arm({}, is_production=True)
    for point in Point:
        killpoint.reach(point, "a-job")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_every_guard_stands_where_it_would_be_taken_out(guard: Guard) -> None:
    source = (ROOT / guard.path).read_text()
    assert [old for old, _ in guard.cuts if old not in source] == []
    assert (ROOT / guard.tests).exists()
