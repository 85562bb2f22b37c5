"""A server of our own before the simulator: it passes calls on as they come, and does one kind of call wrong on demand."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

Talk = Callable[[socket.socket, Callable[[], bytes]], None]
HEAD_END = b"\r\n\r\n"
AT_ONCE = struct.pack("ii", 1, 0)


@dataclass
class Front:
    """Answers at `url`; `wrong` is what happens to calls whose first line has `mark` in it, once or until it is taken back."""

    url: str
    simulator: str
    mark: bytes = b""
    wrong: Talk | None = None
    met: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def spoil(self, method: str, path: str, wrong: Talk) -> None:
        """Do these calls wrong from now on."""
        self.mark, self.wrong, self.met = f"{method} {path}".encode(), wrong, 0

    def heal(self) -> None:
        """Answer as the simulator does."""
        self.wrong = None

    def serve(self, listener: socket.socket) -> None:
        """Take connections until stopped."""
        while not self.stopped.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = listener.accept()
                threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection: socket.socket) -> None:
        """Answer one call."""
        with connection, contextlib.suppress(OSError):
            connection.settimeout(10)
            call = read_call(connection)
            if self.wrong is not None and call.startswith(self.mark):
                self.met += 1
                self.wrong(connection, lambda: self.pass_on(call))
            else:
                connection.sendall(self.pass_on(call))

    def pass_on(self, call: bytes) -> bytes:
        """Let the simulator do it, and return its whole answer."""
        address = urlsplit(self.simulator)
        with socket.create_connection((address.hostname, address.port), timeout=10) as upstream:
            upstream.sendall(call)
            return read_to_end(upstream)


@contextlib.contextmanager
def front_of(simulator: str) -> Iterator[Front]:
    """Stand before the simulator."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        listener.settimeout(0.2)
        front = Front(f"http://127.0.0.1:{listener.getsockname()[1]}", simulator)
        thread = threading.Thread(target=front.serve, args=(listener,), daemon=True)
        thread.start()
        yield front
        front.stopped.set()
        thread.join(10)


def read_call(connection: socket.socket) -> bytes:
    """Read a request, head and body."""
    call = b""
    while HEAD_END not in call:
        piece = connection.recv(65536)
        if not piece:
            return call
        call += piece
    head = call.split(HEAD_END)[0].lower()
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0]) if b"content-length:" in head else 0
    while len(call) < len(head) + len(HEAD_END) + length:
        call += connection.recv(65536)
    return call


def read_to_end(connection: socket.socket) -> bytes:
    """Read until the other side closes."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def says(status: str, body: str = "{}", *headers: str) -> Talk:
    """Answer with a status instead of doing anything."""

    def talk(connection: socket.socket, _pass_on: Callable[[], bytes]) -> None:
        lines = [
            f"HTTP/1.1 {status}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *headers,
        ]
        connection.sendall("\r\n".join([*lines, "Connection: close", "", body]).encode())

    return talk


def after_the_effect(talk: Talk) -> Talk:
    """Let it happen, and then answer otherwise."""

    def act(connection: socket.socket, pass_on: Callable[[], bytes]) -> None:
        pass_on()
        talk(connection, pass_on)

    return act


def silence(connection: socket.socket, _pass_on: Callable[[], bytes]) -> None:
    """Say nothing."""
    connection.recv(1)


def reset(connection: socket.socket, _pass_on: Callable[[], bytes]) -> None:
    """Break the connection off."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)


def drip(connection: socket.socket, _pass_on: Callable[[], bytes]) -> None:
    """Send a byte now and then."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(60):
        connection.sendall(b" ")
        time.sleep(0.1)


def flood(connection: socket.socket, _pass_on: Callable[[], bytes]) -> None:
    """Send more than anybody reads."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n")
    connection.sendall(b"x" * 2_000_000)
