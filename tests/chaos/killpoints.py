"""Workers that die at a named place of a job, once for each job: whatever was under way ends well and happens once."""

from pathlib import Path

from app.jobs.killpoint import Point
from tests.chaos import quiet, verdict
from tests.chaos.clients import Crowd, Habits
from tests.chaos.crew import away, helpers
from tests.chaos.headline import zips
from tests.chaos.product import Product
from tests.chaos.verdict import Figure

DELIVERED_WITHIN = 240.0
QUEUES = ("critical", "notify")  # whatever the other one does, it does with the product's own worker
JOBS_OF_A_BOOKING = 3  # the visit, an e-mail, a text


def run(product: Product, folder: Path, kills: int, points: tuple[Point, ...] = tuple(Point)) -> list[Figure]:
    """Kill at each place at least so many times, and see what came of the jobs."""
    figures = []
    with away(product, QUEUES):
        for number, point in enumerate(points):
            figures += at(product, folder / point, point, kills, 100 + number)
    return [*figures, *verdict.standing(product)]


def at(product: Product, notes: Path, point: Point, kills: int, seed: int) -> list[Figure]:
    """Let workers die at one place."""
    notes.mkdir(parents=True)
    crowd = Crowd(product, zips(product), seed, Habits(texts=1))
    order = {"A1_KILL_AT": point, "A1_KILL_NOTES": str(notes)}
    with helpers(product, order, QUEUES, each=1 if kills < JOBS_OF_A_BOOKING else 2) as workers:
        crowd.run(-(-kills // JOBS_OF_A_BOOKING), 3)
        settled = quiet.wait(product, DELIVERED_WITHIN)
        deaths = workers.deaths
    killed = len(list(notes.iterdir()))
    return [
        verdict.at_least(f"{point}: workers killed", killed, kills),
        verdict.told(f"{point}: workers died, all delivered after", f"{deaths}, {settled or -1:.0f} s"),
        verdict.exactly(f"{point}: jobs not delivered", quiet.undelivered(product, crowd), 0),
    ]
