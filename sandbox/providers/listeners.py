"""Addresses of single providers that can be closed, so that a caller's connection is refused as by a dead host."""

import threading
import time
from typing import cast

from flask import Flask, current_app
from werkzeug.serving import BaseWSGIServer, make_server

from sandbox.providers.state import World

LOOK_SECONDS = 0.05


class Listener:
    """One port of one provider, open unless that provider is out of service."""

    def __init__(self, app: Flask, provider: str) -> None:
        self._app = app
        self.provider = provider
        self._open: BaseWSGIServer | None = None
        self.port = 0
        self.open()

    def open(self) -> None:
        """Listen, on the same port as before."""
        server = make_server("127.0.0.1", self.port, self._app, threaded=True)
        self.port, self._open = server.port, server
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        """Refuse every new connection."""
        server, self._open = self._open, None
        if server is not None:
            server.shutdown()
            server.server_close()

    @property
    def is_open(self) -> bool:
        """Tell whether connections are taken."""
        return self._open is not None


def open_listener(provider: str) -> str:
    """Give a provider one more address."""
    app = cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001 Flask's own way
    listener = Listener(app, provider)
    _all().append(listener)
    return f"http://127.0.0.1:{listener.port}/{provider}"


def close_listeners(provider: str) -> None:
    """Close a provider's addresses until its outage is over."""
    sim = cast(World, current_app.extensions["world"])
    for listener in _all():
        if provider in {"*", listener.provider} and listener.is_open:
            listener.close()
            threading.Thread(target=_reopen, args=(sim, listener), daemon=True).start()


def _reopen(sim: World, listener: Listener) -> None:
    while sim.limits.outage(listener.provider, sim.now()):
        time.sleep(LOOK_SECONDS)
    listener.open()


def _all() -> list[Listener]:
    listeners: list[Listener] = current_app.extensions.setdefault("listeners", [])
    return listeners
