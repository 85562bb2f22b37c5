"""A client that costs little: requests are bytes made beforehand, sent over connections that stay open."""

import re
import socket
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlencode

from bench.processes import cpu_ms

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
HTMX = {"HX-Request": "true"}


class BrokenAnswer(RuntimeError):
    """The server closed the connection, or did not say how long its answer is."""


@dataclass(frozen=True)
class Reply:
    """One answer."""

    status: int
    head: bytes
    body: bytes


@dataclass
class Run:
    """What some requests cost."""

    requests: int = 0
    seconds: float = 0.0
    cpu_ms: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def add(self, other: "Run") -> None:
        """Count another run of the same thing in."""
        self.requests += other.requests
        self.seconds += other.seconds
        self.cpu_ms += other.cpu_ms
        self.latencies += other.latencies
        self.statuses += other.statuses

    @property
    def rate(self) -> float:
        """Return requests a second."""
        return self.requests / self.seconds

    @property
    def ms_each(self) -> float:
        """Return the server's CPU milliseconds for each request."""
        return self.cpu_ms / self.requests

    def latency_ms(self, share: float) -> float:
        """Return how long all but the slowest took."""
        return sorted(self.latencies)[int((len(self.latencies) - 1) * share)] * 1000


class Wire:
    """One connection to a server on this machine."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def ask(self, request: bytes) -> Reply:
        """Send a request and read its answer."""
        self._socket.sendall(request)
        while (end := self._rest.find(b"\r\n\r\n")) < 0:
            self._read()
        head, self._rest = self._rest[:end], self._rest[end + 4 :]
        length = LENGTH.search(head)
        if length is None:
            raise BrokenAnswer(head.decode(errors="replace"))
        while len(self._rest) < int(length[1]):
            self._read()
        body, self._rest = self._rest[: int(length[1])], self._rest[int(length[1]) :]
        return Reply(int(head[9:12]), head, body)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _read(self) -> None:
        got = self._socket.recv(65536)
        if not got:
            raise BrokenAnswer("connection closed")
        self._rest += got


def get(path: str, headers: Mapping[str, str] | None = None) -> bytes:
    """Return the bytes of a GET."""
    return _head("GET", path, headers or {}) + b"\r\n"


def post(path: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> bytes:
    """Return the bytes of a form's POST."""
    body = urlencode(form).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
    return _head("POST", path, kind | dict(headers or {})) + b"\r\n" + body


def _head(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{k}: {v}" for k, v in headers.items())]
    return "".join(f"{line}\r\n" for line in lines).encode()


def ask_once(port: int, request: bytes) -> Reply:
    """Send one request on a connection of its own."""
    wire = Wire(port)
    try:
        return wire.ask(request)
    finally:
        wire.close()


def drive(port: int, requests: Sequence[bytes], clients: int, server: int) -> Run:
    """Let some clients send their share of the requests one after the other; `server` is the process to charge."""
    shares = [requests[number::clients] for number in range(clients)]
    wires = [Wire(port) for _ in shares]
    run = Run(requests=len(requests))
    with ThreadPoolExecutor(clients) as pool:
        before, began = cpu_ms(server), time.monotonic()
        for latencies, statuses in pool.map(_send_all, wires, shares):
            run.latencies += latencies
            run.statuses += statuses
        run.seconds, run.cpu_ms = time.monotonic() - began, cpu_ms(server) - before
    for wire in wires:
        wire.close()
    return run


def _send_all(wire: Wire, requests: Sequence[bytes]) -> tuple[list[float], Counter[int]]:
    latencies, statuses = [], Counter[int]()
    for request in requests:
        began = time.monotonic()
        statuses[wire.ask(request).status] += 1
        latencies.append(time.monotonic() - began)
    return latencies, statuses
