"""Makes the next matching request go wrong, before or after it took effect, the way networks and providers do."""

import itertools
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from flask import Response, jsonify, request


class Mode(StrEnum):
    """What goes wrong. Up to DROP_BEFORE nothing takes effect; from LATENCY on the effect has happened."""

    ERROR = "error"
    RATE_LIMIT = "rate_limit"
    EXPIRE_TOKEN = "expire_token"  # noqa: S105 a word of the control API
    SILENT = "silent"
    DROP_BEFORE = "drop_before"
    LATENCY = "latency"
    DROP_AFTER_COMMIT = "drop_after_commit"
    GARBAGE = "garbage"
    EMPTY = "empty"
    REDIRECT = "redirect"
    DRIP = "drip"
    HUGE = "huge"


@dataclass
class Fault:
    """One order: the next `times` requests that match (None: until reset). `path` is a glob for the path's end."""

    id: int
    provider: str
    mode: Mode
    method: str | None = None
    path: str = "*"
    times: int | None = 1
    status: int = 503
    latency_ms: int = 0
    retry_after: int | None = None

    def matches(self, provider: str, method: str, path: str) -> bool:
        """Tell whether this request is meant."""
        if self.provider not in {"*", provider} or self.method not in {None, method}:
            return False
        return fnmatchcase(path, "*" + self.path)


@dataclass
class FaultBook:
    """The orders that are still open."""

    faults: list[Fault] = field(default_factory=list)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def add(self, order: dict[str, object]) -> Fault:
        """Read an order of the control API; raise ValueError where it makes no sense."""
        match = order.get("match") or {}
        if not isinstance(match, dict):
            raise ValueError("match must be an object")  # noqa: TRY004 the caller answers 400 to any of these
        times = order.get("times", 1)
        fault = Fault(
            id=next(self._ids),
            provider=str(order.get("provider") or "*"),
            mode=Mode(str(order.get("mode"))),
            method=str(match["method"]).upper() if match.get("method") else None,
            path=str(match.get("path") or "*"),
            times=_number(times) if times else None,
            status=_number(order.get("status") or 503),
            latency_ms=_number(order.get("latency_ms") or 0),
            retry_after=_number(order["retry_after"]) if order.get("retry_after") is not None else None,
        )
        self.faults.append(fault)
        return fault

    def take(self, provider: str, method: str, path: str) -> Fault | None:
        """Use up one time of the first order that matches."""
        for fault in self.faults:
            if fault.matches(provider, method, path):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self.faults.remove(fault)
                return fault
        return None

    def open_orders(self) -> list[dict[str, object]]:
        """List them for the control API."""
        return [asdict(fault) for fault in self.faults]


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"not a whole number: {value!r}")  # noqa: TRY004 as above
    return value


def before_effect(fault: Fault) -> Response | None:
    """Do what the order says before the request is handled; a response ends it there."""
    if fault.mode is Mode.ERROR:
        response = jsonify(refusal(fault.provider, fault.status, "Simulated failure"))
        response.status_code = fault.status
        if fault.retry_after is not None:
            response.headers["Retry-After"] = str(fault.retry_after)
        return response
    if fault.mode is Mode.RATE_LIMIT:
        return too_many(fault.provider, fault.retry_after)
    if fault.mode is Mode.SILENT:
        time.sleep(fault.latency_ms / 1000)
    if fault.mode in {Mode.SILENT, Mode.DROP_BEFORE}:
        return _drop()
    return None


def after_effect(fault: Fault, response: Response) -> Response:
    """Spoil the answer of a request that has taken effect."""
    if fault.latency_ms and fault.mode is not Mode.SILENT:
        time.sleep(fault.latency_ms / 1000)
    spoil = SPOILED.get(fault.mode)
    return spoil(response) if spoil else response


def too_many(provider: str, retry_after: int | None) -> Response:
    """Refuse for being called too often."""
    response = jsonify(refusal(provider, 429, "Too many requests"))
    response.status_code = 429
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def refusal(provider: str, status: int, words: str) -> dict[str, object]:
    """Word a refusal in the provider's own format."""
    if provider == "klaviyo":
        code = {401: "not_authenticated", 403: "permission_denied", 429: "throttled"}.get(status, "error")
        return {"errors": [{"id": "sim", "status": status, "code": code, "title": words, "detail": words}]}
    if provider == "twilio":
        number = {401: 20003, 404: 20404, 429: 20429}.get(status, 20500)
        info = f"https://www.twilio.com/docs/errors/{number}"
        return {"code": number, "message": words, "more_info": info, "status": status}
    if status == 429:
        return {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 1 seconds."}
    return {
        "type": "about:blank",
        "title": words,
        "status": status,
        "traceId": "sim",
        "errors": {},
        "data": {},
    }


def _drop(_: Response | None = None) -> Response:
    """Close the connection under the server, so that the caller gets no answer at all."""
    connection: socket.socket = request.environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
    return Response(b"", 500)


def _garbage(_: Response) -> Response:
    return Response("<html><body>It works!</body></html>", 200, mimetype="text/html")


def _empty(_: Response) -> Response:
    return Response(b"", 200)


def _redirect(_: Response) -> Response:
    return Response(b"", 307, {"Location": "http://127.0.0.1:1/"})


def _huge(_: Response) -> Response:
    return Response(b'{"data":"' + b"x" * 5_000_000 + b'"}', 200, mimetype="application/json")


def _drip(response: Response) -> Response:
    return Response(_slowly(response.get_data()), response.status_code, mimetype=response.mimetype)


def _slowly(body: bytes) -> Iterator[bytes]:
    for position in range(len(body)):
        time.sleep(0.2)
        yield body[position : position + 1]


SPOILED: dict[Mode, Callable[[Response], Response]] = {
    Mode.DROP_AFTER_COMMIT: _drop,
    Mode.GARBAGE: _garbage,
    Mode.EMPTY: _empty,
    Mode.REDIRECT: _redirect,
    Mode.HUGE: _huge,
    Mode.DRIP: _drip,
}
