"""Makes a request go wrong, before or after it took effect, the way networks and providers do."""

import contextlib
import socket
import struct
import time
from collections.abc import Callable, Iterator

from flask import Response, jsonify, request

from sandbox.providers.faults import Fault, Mode
from sandbox.providers.limits import Outage
from sandbox.providers.refusals import refusal, too_many, with_retry_after

DRIP_SECONDS = 0.2
LONGEST_SILENCE = 60.0


def before_effect(fault: Fault) -> Response | None:
    """Do what the order says before the request is handled; a response ends it there."""
    if fault.mode is Mode.ERROR:
        response = jsonify(refusal(fault.provider, fault.status, "Simulated failure"))
        response.status_code = fault.status
        return with_retry_after(response, fault.retry_after)
    if fault.mode is Mode.RATE_LIMIT:
        return too_many(fault.provider, fault.retry_after)
    if fault.mode is Mode.SILENT:
        time.sleep(fault.latency_ms / 1000)
    if fault.mode in {Mode.SILENT, Mode.DROP_BEFORE}:
        return hang_up()
    return None


def after_effect(fault: Fault, response: Response) -> Response:
    """Spoil the answer of a request that has taken effect."""
    if fault.latency_ms and fault.mode is not Mode.SILENT:
        time.sleep(fault.latency_ms / 1000)
    spoil = SPOILED.get(fault.mode)
    return spoil(response) if spoil else response


def in_outage(provider: str, outage: Outage) -> Response:
    """Serve nobody."""
    if outage.how == "error":
        response = jsonify(refusal(provider, 503, "Service unavailable"))
        response.status_code = 503
        return response
    if outage.how == "silent":
        time.sleep(LONGEST_SILENCE)
    return hang_up()


def hang_up(_: Response | None = None) -> Response:
    """Reset the connection under the server, so that the caller gets no answer at all."""
    connection: socket.socket = request.environ["werkzeug.socket"]
    with contextlib.suppress(OSError):  # the caller may be gone already
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    return Response(b"", 500)


def _half(response: Response) -> Response:
    """Answer with the head and half the body, and hang up."""
    body = response.get_data()
    head = f"HTTP/1.1 {response.status}\r\nContent-Type: {response.content_type}\r\nContent-Length: {len(body) + 1}\r\n\r\n"
    connection: socket.socket = request.environ["werkzeug.socket"]
    with contextlib.suppress(OSError):
        connection.sendall(head.encode() + body[: len(body) // 2])
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    return Response(b"", 500)


def _garbage(_: Response) -> Response:
    return Response("<html><body>It works!</body></html>", 200, mimetype="text/html")


def _malformed(response: Response) -> Response:
    body = response.get_data() or b'{"data": [1, 2'
    return Response(body[: max(1, len(body) * 2 // 3)], response.status_code, mimetype="application/json")


def _wrong_type(response: Response) -> Response:
    return Response(response.get_data(), response.status_code, mimetype="text/plain")


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
        time.sleep(DRIP_SECONDS)
        yield body[position : position + 1]


SPOILED: dict[Mode, Callable[[Response], Response]] = {
    Mode.DROP_AFTER_COMMIT: hang_up,
    Mode.HALF_ANSWER: _half,
    Mode.GARBAGE: _garbage,
    Mode.MALFORMED: _malformed,
    Mode.WRONG_TYPE: _wrong_type,
    Mode.EMPTY: _empty,
    Mode.REDIRECT: _redirect,
    Mode.DRIP: _drip,
    Mode.HUGE: _huge,
}
