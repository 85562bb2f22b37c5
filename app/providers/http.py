"""The one way out: every provider call has a hard total limit, a size cap, a log line and an outcome."""

import json
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpcore
import httpx
import structlog

from app import clock
from app.providers import answers
from app.providers.pace import AT_WILL, Pace
from app.providers.ports import Outcome, ProviderError

MAX_BYTES = 1_000_000
MAX_RETRY_AFTER = 3600.0
TOO_MANY = 429
SHORT_REST = 1.0
SIGN_IN = "token"  # who hands out tokens may be well while the service itself is away


@dataclass(frozen=True)
class Limits:
    """Seconds a call may take; `total` also ends an answer that arrives one byte at a time."""

    total: float
    connect: float = 3.0
    read: float = 10.0
    max_bytes: int = MAX_BYTES


def limits_for_lease(lease_seconds: int) -> Limits:
    """Give one call a twelfth of the lease, so that the calls of a job end before somebody else may take it over."""
    total = max(1.0, lease_seconds / 12)
    return Limits(total=total, connect=min(3.0, total), read=min(10.0, total))


@dataclass(frozen=True)
class Request:
    """One call; `operation` is the name it has in logs, where its address and body never appear."""

    operation: str
    method: str
    url: str
    headers: Mapping[str, str]
    params: tuple[tuple[str, str], ...] = ()
    json: object | None = None
    form: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Reply:
    """A complete answer of any status."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Tell whether the provider said yes."""
        return 200 <= self.status < 300

    @property
    def retry_after(self) -> float | None:
        """Seconds the provider asks us to wait, at most an hour."""
        return parse_retry_after(self.headers.get("retry-after"))

    def json_object(self) -> dict[str, Any]:  # a provider's JSON is untyped until an adapter has read it
        """Read the body as a JSON object; anything else leaves open what the provider did."""
        try:
            value = json.loads(self.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise ProviderError(Outcome.UNCERTAIN, "answer is not a JSON object", status=self.status)
        return value


def outcome_of(status: int) -> Outcome:
    """Map a status to what it means for the job that made the call."""
    if 200 <= status < 300:
        return Outcome.OK
    if status in {401, 403} or 300 <= status < 400:
        return Outcome.CONFIG  # a redirect is never followed: the base address is wrong
    if status in {408, 429}:
        return Outcome.THROTTLED
    if 400 <= status < 500:
        return Outcome.PERMANENT
    return Outcome.TRANSIENT if status >= 500 else Outcome.UNCERTAIN


def parse_retry_after(value: str | None) -> float | None:
    """Read seconds or a date; junk is no wish at all."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:9])
    else:
        try:
            seconds = (parsedate_to_datetime(text) - clock.now()).total_seconds()
        except (TypeError, ValueError):
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


class HttpClient:
    """Sends requests for one provider. Holds no connection between calls, so threads and forks may share it."""

    def __init__(self, provider: str, limits: Limits, pace: Pace = AT_WILL) -> None:
        self.limits = limits
        self._pace = pace
        self._log: structlog.stdlib.BoundLogger = structlog.get_logger(provider=provider)
        self._tls = httpx.create_ssl_context()

    def send(self, request: Request) -> Reply:
        """Make the call and return its answer whatever the status; raise when there is no complete answer.

        Asked to come back within a second we do that here, once, where a lease leaves time for it: a job of seven calls
        would otherwise begin anew. The wait for our turn comes before that, and takes a quarter of a call's time at most.
        """
        self._pace.wait(self.limits.total / 4)
        reply = self._send_once(request)
        is_soon = 0 < (reply.retry_after or 0) <= SHORT_REST <= self.limits.total / 2
        if reply.status == TOO_MANY and is_soon:
            time.sleep(SHORT_REST)
            reply = self._send_once(request)
        return reply

    def _send_once(self, request: Request) -> Reply:
        started = time.monotonic()
        status: int | None = None
        outcome = Outcome.UNCERTAIN
        try:
            answers.call_begins()
            reply = self._exchange(request)
            status, outcome = reply.status, outcome_of(reply.status)
            if reply.is_success and request.operation != SIGN_IN:
                answers.call_answered()
            return reply
        except ProviderError as error:
            outcome = error.outcome
            raise
        finally:
            self._log.info(
                "provider_call",
                operation=request.operation,
                status=status,
                outcome=outcome.value,
                duration_ms=round((time.monotonic() - started) * 1000, 1),
            )

    def _exchange(self, request: Request) -> Reply:
        transport = _BoundedTransport(self.limits, self._tls)
        timeout = httpx.Timeout(self.limits.read, connect=self.limits.connect)
        try:
            with httpx.Client(transport=transport, timeout=timeout, trust_env=False) as client:
                answer = client.request(
                    request.method,
                    request.url,
                    params=list(request.params) or None,
                    headers=_headers(request),
                    json=request.json,
                    data=request.form,
                )
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            raise ProviderError(Outcome.TRANSIENT, f"not reached ({type(error).__name__})") from error
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise ProviderError(Outcome.UNCERTAIN, f"no complete answer ({type(error).__name__})") from error
        except httpx.InvalidURL as error:
            raise ProviderError(Outcome.CONFIG, "the base address is not a URL") from error
        return Reply(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.content)


def _headers(request: Request) -> dict[str, str]:
    """Add ours: no compression (the size cap counts what arrives) and the id that ties our logs to theirs."""
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "Connection": "close"}
    headers |= request.headers
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    if isinstance(request_id, str) and request_id:
        headers["X-Request-ID"] = request_id
    return headers


class _BoundedTransport(httpx.BaseTransport):
    """One connection for one call, read to its end within the limits.

    httpx limits the wait for each piece but not the sum, so a slow drip would hold a worker for hours.
    """

    def __init__(self, limits: Limits, tls: ssl.SSLContext) -> None:
        self._limits = limits
        self._tls = tls

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        backend = _DeadlineBackend(time.monotonic() + self._limits.total)
        origin = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        connection = httpcore.HTTPConnection(origin.origin, self._tls, network_backend=backend)
        try:
            reply = connection.handle_request(
                httpcore.Request(
                    request.method,
                    origin,
                    headers=request.headers.raw,
                    content=request.read(),
                    extensions=request.extensions,
                )
            )
            body = self._read(reply)
        finally:
            connection.close()
        return httpx.Response(reply.status, headers=reply.headers, content=body)

    def _read(self, reply: httpcore.Response) -> bytes:
        body = bytearray()
        for piece in reply.iter_stream():
            body += piece
            if len(body) > self._limits.max_bytes:
                raise ProviderError(Outcome.UNCERTAIN, "answer is too large", status=reply.status)
        return bytes(body)


class _DeadlineBackend(httpcore.NetworkBackend):
    """Opens connections whose every operation ends at the same instant at the latest."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        return _DeadlineStream(stream, self._deadline)


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._left(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._inner.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)

    def _left(self, timeout: float | None, error: type[httpcore.TimeoutException]) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise error
        return left if timeout is None else min(left, timeout)
