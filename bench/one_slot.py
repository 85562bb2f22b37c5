"""P10: many visitors press the button for one window at the same moment: one gets it, the others get alternatives."""

import argparse
import json
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import text

from bench.ready import Ready, ready_visits
from bench.stage import Stage, stage
from bench.table import show
from bench.wire import Reply, Wire

GOAL_SECONDS = 2.0
SAME_WINDOW = text(
    "UPDATE wizard_sessions SET answers = answers || CAST(:window AS jsonb) WHERE id = ANY(CAST(:ids AS uuid[]))"
)
WINDOW = text(
    "SELECT answers -> 'zip_code' AS zip_code, answers -> 'area_id' AS area_id, answers -> 'slot_id' AS slot_id,"
    " answers -> 'starts_at' AS starts_at, answers -> 'ends_at' AS ends_at FROM wizard_sessions WHERE id = :id"
)


@dataclass(frozen=True)
class Rush:
    """How one rush ended."""

    statuses: Counter[int]
    alternatives: int
    seconds: float

    def is_right(self, clients: int) -> bool:
        """Say whether exactly one was confirmed and every other was offered something else."""
        return self.statuses == Counter({200: 1, 409: clients - 1}) and self.alternatives == clients - 1


def main() -> int:
    """Rush, many times over, with fifty and with two hundred."""
    parser = argparse.ArgumentParser(prog="python -m bench.one_slot", description=__doc__)
    parser.add_argument("--clients", type=int, nargs="*", default=[50, 200])
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with stage() as at:
        found = {clients: [rush(at, clients) for _ in range(options.rounds)] for clients in options.clients}
    rows = [line(clients, rushes) for clients, rushes in found.items()]
    show(
        (
            "P10",
            "rounds",
            "exactly one confirmed, the rest offered others",
            "server errors",
            "slowest round",
            "goal 2 s met",
        ),
        rows,
    )
    return 0 if all(one.is_right(clients) for clients, rushes in found.items() for one in rushes) else 1


def line(clients: int, rushes: list[Rush]) -> tuple[object, ...]:
    """Return the rushes of so many clients as a row."""
    right = sum(one.is_right(clients) for one in rushes)
    errors = sum(count for one in rushes for status, count in one.statuses.items() if status >= 500)
    slowest = max(one.seconds for one in rushes)
    return (
        f"{clients} on one window",
        len(rushes),
        right,
        errors,
        f"{slowest:.2f} s",
        "yes" if slowest < GOAL_SECONDS else "no",
    )


def rush(at: Stage, clients: int) -> Rush:
    """Let all press at once, each over a connection that is open already."""
    with at.owner.begin() as connection:
        visits = ready_visits(connection, at.settings, clients)
        window = connection.execute(WINDOW, {"id": visits[0].visit_id}).mappings().one()
        ids = [str(visit.visit_id) for visit in visits]
        connection.execute(SAME_WINDOW, {"window": json.dumps(dict(window)), "ids": ids})
    start = threading.Barrier(clients + 1)
    with ThreadPoolExecutor(clients) as pool:
        pressed = [pool.submit(press, at.product.port, visit, start) for visit in visits]
        start.wait()
        began = time.monotonic()
        replies = [one.result() for one in pressed]
        seconds = time.monotonic() - began
    offered = sum(reply.status == 409 and b'name="slot_id"' in reply.body for reply in replies)
    return Rush(Counter(reply.status for reply in replies), offered, seconds)


def press(port: int, visit: Ready, start: threading.Barrier) -> Reply:
    """Press the button when everybody is ready."""
    wire = Wire(port)
    try:
        start.wait()
        return wire.ask(visit.submit())
    finally:
        wire.close()


if __name__ == "__main__":
    sys.exit(main())
