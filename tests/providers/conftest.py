"""A simulator on a free port for the whole run, emptied before each test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from pytest_httpserver import HTTPServer
from werkzeug.serving import make_server

from app.providers import Adapters
from sandbox.providers.application import create_app
from sandbox.providers.config import SimConfig
from tests.providers.simulated import CONFIG, Simulator
from tests.providers.wire import Wire


@contextmanager
def serving(config: SimConfig) -> Iterator[Simulator]:
    app = create_app(config)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield Simulator(f"http://127.0.0.1:{server.port}", app.extensions["world"])
    app.extensions["world"].clockwork.clear()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def simulator_server() -> Iterator[Simulator]:
    with serving(CONFIG) as simulator:
        yield simulator


@pytest.fixture
def listening(httpserver: HTTPServer) -> Iterator[Simulator]:
    """A simulator of its own that knows the application's address and every secret for callbacks."""
    key = "0123456789abcdef0123456789abcdef"
    base = httpserver.url_for("").rstrip("/")
    with serving(
        replace(CONFIG, public_base_url=base, st_webhook_hmac_key=key, klaviyo_webhook_secret=key)
    ) as simulator:
        yield simulator


@pytest.fixture
def sim(simulator_server: Simulator) -> Simulator:
    simulator_server.world.reset()
    return simulator_server


@pytest.fixture
def adapters(sim: Simulator) -> Adapters:
    return sim.adapters()


@pytest.fixture
def wire(sim: Simulator) -> Wire:
    return Wire(sim)
