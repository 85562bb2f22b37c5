"""Free ports of the loopback address, away from those the kernel hands to outgoing connections."""

import contextlib
import random
import socket

_LOW, _HIGH = 20000, 30000


class NoFreePort(RuntimeError):
    """Every port of the range is taken."""


def can_bind(port: int) -> bool:
    """Tell whether a server of ours could listen on the port; raise PermissionError where only root may."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise
        except OSError:
            return False
    return not _answers_on_ipv6(port)


def _answers_on_ipv6(port: int) -> bool:
    """Find a foreign server on ::1, which a browser would reach first under the name localhost."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("::1", port)) == 0
    return False


def next_free(start: int) -> int:
    """Find the first port from `start` on that is free."""
    for port in range(start, min(start + 1000, 65536)):
        if can_bind(port):
            return port
    raise NoFreePort(f"No free port from {start} on.")


def pick(preferred: int | None = None) -> int:
    """Take the preferred port if it is still free, otherwise one by chance, so that two starts at once rarely meet."""
    if preferred is not None and can_bind(preferred):
        return preferred
    return next_free(random.randrange(_LOW, _HIGH))  # noqa: S311  a port is no secret
