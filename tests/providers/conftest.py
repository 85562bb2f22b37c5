"""A simulator on a free port for the whole run, emptied before each test."""

import threading
from collections.abc import Iterator

import pytest
from werkzeug.serving import make_server

from app.providers import Adapters
from sandbox.providers.application import create_app
from tests.providers.simulated import CONFIG, Simulator


@pytest.fixture(scope="session")
def simulator_server() -> Iterator[Simulator]:
    app = create_app(CONFIG)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Simulator(f"http://127.0.0.1:{server.port}", app.extensions["world"])
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def sim(simulator_server: Simulator) -> Simulator:
    simulator_server.world.reset()
    return simulator_server


@pytest.fixture
def adapters(sim: Simulator) -> Adapters:
    return sim.adapters()
