"""The chapters of the chaos run: which scenarios there are, and how large each is."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.chaos import backlog, clocks, hardship, killpoints, links, outages, storm
from tests.chaos.product import Product, running_product
from tests.chaos.verdict import Figure

LEASE = 6


@dataclass(frozen=True)
class Scale:
    """How much of everything: the small one runs with every other test, the full one takes its time."""

    kills: int
    absent: int
    frozen: int
    frozen_seconds: float
    restarts: int
    keys: int
    thaws: int
    skewed: int
    outage: int
    poisoned_among: int
    rolling: int
    rolling_pause: float
    backlog: int
    callbacks: int
    races: int
    link_visits: int


SMALL = Scale(
    kills=2, absent=20, frozen=15, frozen_seconds=8, restarts=3, keys=10, thaws=1, skewed=6, outage=5, poisoned_among=10,
    rolling=20, rolling_pause=1, backlog=300, callbacks=500, races=6, link_visits=10,
)  # fmt: skip
FULL = Scale(
    kills=25, absent=300, frozen=100, frozen_seconds=30, restarts=15, keys=100, thaws=20, skewed=50, outage=100,
    poisoned_among=100, rolling=300, rolling_pause=5, backlog=10000, callbacks=5000, races=60, link_visits=100,
)  # fmt: skip

Scenario = Callable[[Product, Path, Scale], list[Figure]]
SCENARIOS: dict[str, Scenario] = {
    "Valkey absent": lambda product, _, scale: outages.without_valkey(product, scale.absent),
    "Valkey frozen": lambda product, _, scale: outages.frozen_valkey(
        product, scale.frozen, scale.frozen_seconds
    ),
    "PostgreSQL restarts": lambda product, _, scale: outages.restarting_postgres(
        product, scale.restarts * 13, scale.restarts
    ),
    "lost answers to COMMIT": lambda product, _, scale: outages.lost_commit_replies(product, scale.keys),
    "frozen worker": lambda product, _, scale: clocks.frozen_worker(product, scale.thaws),
    "wrong clock": lambda product, _, scale: clocks.wrong_clock(product, scale.skewed),
    "six hours without providers": lambda product, _, scale: hardship.long_outage(product, scale.outage),
    "poison": lambda product, folder, scale: hardship.poison(product, folder, scale.poisoned_among),
    "rolling restart": lambda product, _, scale: hardship.rolling_restart(
        product, scale.rolling, scale.rolling_pause
    ),
    "backlog": lambda product, _, scale: backlog.run(product, scale.backlog),
    "callbacks": lambda product, _, scale: storm.callbacks(product, scale.callbacks),
    "changes of mind in mid-create": lambda product, _, scale: storm.races(product, scale.races),
    "links": lambda product, _, scale: links.run(product, scale.link_visits),
    "kill points": lambda product, folder, scale: killpoints.run(product, folder, scale.kills),
}


def scenario(product: Product, folder: Path, name: str, scale: Scale) -> list[Figure]:
    """Run one scenario by its name on a running product; `folder` is for what it writes down."""
    return SCENARIOS[name](product, folder / f"notes of {name}".replace(" ", "-"), scale)


def all_of(folder: Path, names: list[str], scale: Scale, ends: float) -> Iterator[tuple[str, list[Figure]]]:
    """Run scenarios one after the other, and give out each one's figures as they come.

    Each has a product of its own: people of one take no windows from those of the next. None begins after the moment
    `ends`: what was not reached is said so, and counts as missed.
    """
    for name in names:
        if time.monotonic() > ends:
            yield name, [Figure("not reached in time", "-", "run it alone with --only", good=False)]
            continue
        with running_product(folder / name.replace(" ", "-"), JOB_LEASE_SECONDS=str(LEASE)) as product:
            yield name, scenario(product, folder, name, scale)
