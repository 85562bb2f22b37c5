"""Ports: a taken one is never chosen."""

import socket
from collections.abc import Iterator

import pytest

from sandbox import ports


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_taken_port_cannot_be_bound(taken: int) -> None:
    assert not ports.can_bind(taken)


def test_the_next_free_port_skips_a_taken_one(taken: int) -> None:
    assert ports.next_free(taken) > taken


def test_the_preferred_port_is_kept_while_it_is_free(taken: int) -> None:
    free = ports.pick()
    assert ports.pick(free) == free
    assert ports.pick(taken) != taken


def test_a_port_that_someone_left_a_moment_ago_is_free() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()
    assert ports.can_bind(port)


def test_no_free_port_says_so() -> None:
    with pytest.raises(ports.NoFreePort):
        ports.next_free(65536)
