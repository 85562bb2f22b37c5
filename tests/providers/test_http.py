"""The one way out: nothing a server does holds a worker longer than the limit, and every end has its outcome."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer

from app.providers.http import (
    HttpClient,
    Limits,
    Reply,
    Request,
    limits_for_lease,
    outcome_of,
    parse_retry_after,
)
from app.providers.ports import Outcome, ProviderError

LIMITS = Limits(total=1.0, connect=0.5, read=0.7)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"


def call(url: str, limits: Limits = LIMITS, method: str = "GET") -> Reply:
    return HttpClient("test", limits).send(Request("test.call", method, url, {}, json={"a": 1}))


@contextlib.contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """Answer one connection by hand."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            talk(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join(10)


def drip(head: bytes) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(80):
            time.sleep(0.1)
            connection.sendall(b"x")

    return talk


def hang(connection: socket.socket) -> None:
    connection.settimeout(3)
    connection.recv(1)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


@pytest.mark.parametrize(
    "talk",
    [drip(b"HTTP/1.1 200 OK\r\nX-Slow: "), drip(HEAD), hang, reset, lambda c: c.sendall(b"what?\r\n\r\n")],
    ids=["drip in the headers", "drip in the body", "silence", "reset", "not HTTP"],
)
def test_whatever_happens_after_sending_ends_in_time_and_is_uncertain(
    talk: Callable[[socket.socket], None],
) -> None:
    started = time.monotonic()
    with raw_server(talk) as url, pytest.raises(ProviderError) as caught:
        call(url, method="POST")
    assert caught.value.outcome is Outcome.UNCERTAIN
    assert time.monotonic() - started < 10  # the drip alone would take eight seconds more than the limit


def test_the_total_limit_cuts_a_drip_that_each_single_read_would_allow() -> None:
    with raw_server(drip(HEAD)) as url:
        started = time.monotonic()
        with pytest.raises(ProviderError):
            call(url)
        spent = time.monotonic() - started
    assert 0.9 < spent < 3


def test_the_total_limit_cuts_a_silence_that_one_read_would_allow() -> None:
    with raw_server(hang) as url:
        started = time.monotonic()
        with pytest.raises(ProviderError):
            call(url, Limits(total=0.5, connect=0.5, read=10))
        assert time.monotonic() - started < 2


def test_nobody_listening_is_transient() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ProviderError) as caught:
        call(f"http://127.0.0.1:{port}/")
    assert caught.value.outcome is Outcome.TRANSIENT


def test_an_unknown_host_is_transient() -> None:
    with pytest.raises(ProviderError) as caught:
        call("http://nobody.invalid/")
    assert caught.value.outcome is Outcome.TRANSIENT


def test_a_failed_tls_handshake_is_transient(httpserver: HTTPServer) -> None:
    with pytest.raises(ProviderError) as caught:
        call(f"https://127.0.0.1:{httpserver.port}/")
    assert caught.value.outcome is Outcome.TRANSIENT


@pytest.mark.parametrize(("asked", "seconds", "status"), [("1", 2.0, 200), ("2", 2.0, 429), ("1", 1.0, 429)])
def test_a_rest_of_a_second_is_taken_on_the_spot_where_the_lease_allows_it(
    httpserver: HTTPServer, asked: str, seconds: float, status: int
) -> None:
    busy = httpserver.expect_oneshot_request("/")
    busy.respond_with_data("busy", status=429, headers={"Retry-After": asked})
    httpserver.expect_request("/").respond_with_data("{}")
    assert call(httpserver.url_for("/"), Limits(total=seconds)).status == status


def test_a_rest_is_taken_once(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("busy", status=429, headers={"Retry-After": "1"})
    assert call(httpserver.url_for("/"), Limits(total=2.0)).status == 429
    assert len(httpserver.log) == 2


def test_an_answer_above_the_cap_is_refused(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data(b"x" * 1_000_001)
    with pytest.raises(ProviderError) as caught:
        call(httpserver.url_for("/"))
    assert caught.value.outcome is Outcome.UNCERTAIN


def test_an_answer_at_the_cap_is_taken(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data(b"x" * 1_000_000)
    assert len(call(httpserver.url_for("/")).body) == 1_000_000


def test_a_redirect_is_not_followed(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data(b"", 302, {"Location": httpserver.url_for("/there")})
    reply = call(httpserver.url_for("/"))
    assert (reply.status, outcome_of(reply.status)) == (302, Outcome.CONFIG)
    assert len(httpserver.log) == 1


def test_the_request_id_of_the_log_goes_along(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data(b"")
    with structlog.contextvars.bound_contextvars(request_id="abc-12345"):
        call(httpserver.url_for("/"))
    call(httpserver.url_for("/"))
    assert [request.headers.get("X-Request-ID") for request, _ in httpserver.log] == ["abc-12345", None]


def test_the_log_line_has_names_and_times_and_no_address_or_body(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/people").respond_with_data(b"Pat", 200)
    with structlog.testing.capture_logs() as lines:
        call(httpserver.url_for("/people?phone=6025550123"))
    (line,) = lines
    assert line.pop("duration_ms") >= 0
    assert line == {
        "event": "provider_call",
        "log_level": "info",
        "provider": "test",
        "operation": "test.call",
        "status": 200,
        "outcome": "ok",
    }


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("999999", 3600.0),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("²", None),
    ],
)
def test_retry_after_in_seconds(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value) == seconds


@pytest.mark.parametrize(("ahead", "low", "high"), [(90, 85, 90), (-90, 0, 0), (90_000, 3600, 3600)])
def test_retry_after_as_a_date(ahead: int, low: float, high: float) -> None:
    value = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead), usegmt=True)
    seconds = parse_retry_after(value)
    assert seconds is not None
    assert low <= seconds <= high


@given(st.text())
def test_no_retry_after_is_too_strange(value: str) -> None:
    seconds = parse_retry_after(value)
    assert seconds is None or 0 <= seconds <= 3600


@given(st.integers(100, 599))
def test_every_status_has_an_outcome(status: int) -> None:
    assert (outcome_of(status) is Outcome.OK) == (200 <= status < 300)


@pytest.mark.parametrize(("lease", "total"), [(180, 15.0), (24, 2.0), (3, 1.0)])
def test_a_call_gets_a_twelfth_of_the_lease(lease: int, total: float) -> None:
    limits = limits_for_lease(lease)
    assert limits.total == total
    assert limits.connect <= total
    assert limits.read <= total
