"""Two hundred random histories of bookings, workers and providers keep the contract after every step."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase
from hypothesis import settings as profile
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import Engine

from app.jobs.process import open_process
from tests.chaos.contract import Contract
from tests.chaos.house import House
from tests.providers.conftest import sim, simulator_server
from tests.providers.simulated import Simulator

__all__ = ["sim", "simulator_server"]
EXAMPLES = int(os.environ.get("CHAOS_EXAMPLES", "200"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "inf"))
AT_ONCE = 50  # between two of these the time is looked at
STEPS = int(os.environ.get("CHAOS_STEPS", "20"))


@pytest.fixture
def house(
    app: Flask, database: Engine, owner: Engine, environ: dict[str, str], sim: Simulator
) -> Iterator[House]:
    settings = app.extensions["a1_settings"]
    wanted = sim.settings(
        database_url=environ["DATABASE_URL"],
        app_env="local",
        privacy_hash_key=settings.privacy_hash_key,
        public_base_url=settings.public_base_url,
        twilio_auth_token=sim.settings().twilio_auth_token,
    )
    process = open_process(wanted)
    own = replace(settings, twilio_account_sid=wanted.twilio_account_sid)
    yield House(app, own, database, owner, process, sim)
    process.sessions.kw["bind"].dispose()


def test_the_contract_holds_whatever_happens_in_whatever_order(house: House) -> None:
    class Here(Contract):
        histories: ClassVar[list[None]] = []

    Here.house = house
    ends = time.monotonic() + SECONDS
    while (left := EXAMPLES - len(Here.histories)) > 0 and time.monotonic() < ends:
        chosen = profile(
            max_examples=min(left, AT_ONCE),
            stateful_step_count=STEPS,
            deadline=None,
            phases=[Phase.generate],  # a failing history is short enough to read as it is
            database=None,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        )
        run_state_machine_as_test(Here, settings=chosen)
    print(f"histories: {len(Here.histories)}")
