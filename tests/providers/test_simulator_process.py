"""The simulator as the process that `./run` starts: it tells its address, keeps its files, stops when told."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.providers.state import World
from tests.providers.samples import a_customer, an_event, an_order, book, first_day
from tests.providers.simulated import CONFIG, Simulator

ROOT = Path(__file__).parents[2]


@contextmanager
def running(state: Path, ending: signal.Signals = signal.SIGTERM) -> Iterator[Simulator]:
    names = {name.upper(): str(value) for name, value in vars(CONFIG).items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.providers", "--port", "0"],
        env=os.environ | names | {"SIM_STATE": str(state)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        url = process.stdout.readline().removeprefix("simulator: ").strip().rstrip("/")
        yield Simulator(url, World(CONFIG))
        process.send_signal(ending)
        assert process.wait(10) in {0, -ending}


def test_what_providers_know_survives_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "simulator"
    with running(state) as sim:
        adapters = sim.adapters()
        before = first_day(adapters)
        order = an_order(before.windows[0])
        job = book(adapters, order, a_customer())
        adapters.email.send_event(an_event(str(order.booking_id)))
    with running(state) as sim:
        adapters = sim.adapters()
        assert adapters.field_service.find_job(order.booking_id) == job
        assert first_day(adapters).windows[0].open == before.windows[0].open - 1
        adapters.email.send_event(an_event(str(order.booking_id)))
        assert [effect["count"] for effect in sim.effects("klaviyo", "event")] == [1]
        adapters.field_service.cancel_job(job.job_id, "Cancelled online")


def test_a_file_of_another_version_is_a_fresh_start(tmp_path: Path) -> None:
    state = tmp_path / "simulator"
    state.write_bytes(b"not ours")
    with running(state) as sim:
        assert sim.effects("servicetitan", "job") == []


def test_without_credentials_it_says_what_is_missing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sandbox.providers"],
        env={},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("simulator: not set: ST_TENANT_ID, ")
