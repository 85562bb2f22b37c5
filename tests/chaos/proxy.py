"""A TCP proxy between two parts of the product that can fail in every way a network can."""

import socket
import struct
import threading
import time
from contextlib import suppress
from enum import StrEnum

CHUNK = 65536
COMMIT = b"COMMIT\x00"  # how libpq's simple query protocol writes the statement
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Mode(StrEnum):
    """What the proxy does to connections: those there are, and those that come."""

    PASS = "pass"
    REFUSE = "refuse"  # nobody listens
    RESET = "reset"  # every connection breaks
    BLACKHOLE = "blackhole"  # nothing arrives, nothing breaks
    DELAY = "delay"  # everything arrives later


class Proxy:
    """Listens on a port of its own and carries bytes to `target`."""

    def __init__(self, target: int, delay: float = 0.2) -> None:
        self.target, self.delay = target, delay
        self.mode = Mode.PASS
        self.dropped_commits = 0
        self._commits_to_drop = 0
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._listener = _listen(0)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def set(self, mode: Mode) -> None:
        """Change what happens from now on."""
        with self._lock:
            was, self.mode = self.mode, mode
            if mode is Mode.REFUSE and was is not Mode.REFUSE:
                _stop_listening(self._listener)
            elif was is Mode.REFUSE and mode is not Mode.REFUSE:
                self._listener = _listen(self.port)
                threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        if mode in {Mode.REFUSE, Mode.RESET}:
            self.cut()

    def cut(self) -> None:
        """Break every connection there is."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._end(pair, reset=True)

    def drop_commit_reply(self, times: int = 1) -> None:
        """Let the server commit and tell nobody: the next COMMIT's answer is lost with its connection."""
        with self._lock:
            self._commits_to_drop += times

    def forget_orders(self) -> None:
        """Drop no more answers than were dropped already."""
        with self._lock:
            self._commits_to_drop = 0

    def close(self) -> None:
        """Stop listening and break what is open."""
        _stop_listening(self._listener)
        self.cut()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            if self.mode is Mode.RESET:
                _close(client, reset=True)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                _close(client, reset=True)
                continue
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = (client, server)
            with self._lock:
                self._pairs.add(pair)
            doomed = threading.Event()
            for work in (self._upstream, self._downstream):
                threading.Thread(target=work, args=(pair, doomed), daemon=True).start()

    def _upstream(self, pair: tuple[socket.socket, socket.socket], doomed: threading.Event) -> None:
        client, server = pair
        with suppress(OSError):
            while data := client.recv(CHUNK):
                self._wait_for_weather()
                if data.endswith(COMMIT) and self._takes_commit():
                    doomed.set()
                server.sendall(data)
        self._end(pair)

    def _downstream(self, pair: tuple[socket.socket, socket.socket], doomed: threading.Event) -> None:
        client, server = pair
        with suppress(OSError):
            while data := server.recv(CHUNK):
                if doomed.is_set():
                    with self._lock:
                        self.dropped_commits += 1
                    self._end(pair, reset=True)
                    return
                self._wait_for_weather()
                client.sendall(data)
        self._end(pair)

    def _takes_commit(self) -> bool:
        with self._lock:
            if self._commits_to_drop == 0:
                return False
            self._commits_to_drop -= 1
            return True

    def _wait_for_weather(self) -> None:
        if self.mode is Mode.DELAY:
            time.sleep(self.delay)
        while self.mode is Mode.BLACKHOLE:
            time.sleep(0.02)

    def _end(self, pair: tuple[socket.socket, socket.socket], *, reset: bool = False) -> None:
        with self._lock:
            if pair not in self._pairs:
                return  # whoever took it out closes it: a second, polite close would forestall a reset
            self._pairs.remove(pair)
        client, server = pair
        _close(client, reset=reset)
        _close(server, reset=False)


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


def _stop_listening(listener: socket.socket) -> None:
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept
    listener.close()


def _close(end: socket.socket, *, reset: bool) -> None:
    with suppress(OSError):
        if reset:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        else:
            end.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        if reset:
            end.shutdown(socket.SHUT_RD)
    end.close()
