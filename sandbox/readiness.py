"""How to tell that a server serves."""

import http.client
import socket
from urllib.parse import urlsplit

_SECONDS = 2.0


def accepts(port: int) -> bool:
    """Tell whether something listens on the port."""
    try:
        socket.create_connection(("127.0.0.1", port), _SECONDS).close()
    except OSError:
        return False
    return True


def answers(url: str) -> bool:
    """Tell whether a GET is answered with 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=_SECONDS)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
