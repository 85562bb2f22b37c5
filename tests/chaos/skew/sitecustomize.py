"""Loaded by Python itself in a process whose clock is to be wrong: shifts every clock that the process reads."""

import os
from datetime import UTC, datetime, timedelta

import time_machine

shift = timedelta(seconds=int(os.environ["A1_SKEW"]))
time_machine.travel(datetime.now(UTC) + shift, tick=True).start()
