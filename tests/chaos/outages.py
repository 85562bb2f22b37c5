"""One server is away, or frozen, or restarts every other second: people book all the same."""

import random
import signal
import threading
import time

from tests.chaos import quiet, verdict
from tests.chaos.clients import Answer, Crowd, Habits
from tests.chaos.headline import zips
from tests.chaos.product import WORKERS, Product
from tests.chaos.verdict import Figure

ADDED_AT_P95 = 50.0
DRAINED_WITHIN = 90.0
BASELINE = 60
FROZEN = 30.0


def without_valkey(product: Product, people: int) -> list[Figure]:
    """Book while the doorbell is away and the web server has never seen it; then let it come back."""
    usual = Crowd(product, zips(product), 200).run(min(people, BASELINE), 2).p95()
    supervisor = product.stack.supervisor
    supervisor.pause("valkey")
    try:
        supervisor.pause("web")
        supervisor.resume("web")
        crowd = Crowd(product, zips(product), 201).run(people, 2)
    finally:
        supervisor.resume("valkey")
    return accepted(product, crowd, usual, people, "without Valkey")


def frozen_valkey(product: Product, people: int, seconds: float = FROZEN) -> list[Figure]:
    """Book while the doorbell is there and does not answer."""
    usual = Crowd(product, zips(product), 210).run(min(people, BASELINE), 2).p95()
    frozen = threading.Thread(target=product.freeze, args=("valkey", seconds))
    frozen.start()
    crowd = Crowd(product, zips(product), 211).run(people, 2)
    frozen.join()
    return accepted(product, crowd, usual, people, "Valkey frozen")


def accepted(product: Product, crowd: Crowd, usual: float, people: int, when: str) -> list[Figure]:
    """Judge how people fared, and how soon everything was delivered afterwards."""
    drained = quiet.wait(product, DRAINED_WITHIN * 3)
    added = (crowd.p95() - usual) * 1000
    return [
        verdict.exactly(
            f"{when}: accepted", f"{crowd.count(Answer.ACCEPTED)} of {people}", f"{people} of {people}"
        ),
        verdict.told(f"{when}: submit p95, usual p95", f"{crowd.p95() * 1000:.0f} ms, {usual * 1000:.0f} ms"),
        verdict.at_most(f"{when}: added at p95", added, ADDED_AT_P95, " ms"),
        verdict.at_most(f"{when}: drained after", drained or 999, DRAINED_WITHIN, " s"),
        verdict.exactly(f"{when}: jobs not delivered", quiet.undelivered(product, crowd), 0),
        verdict.exactly(f"{when}: HTTP 500", crowd.statuses[500], 0),
    ]


def restarting_postgres(product: Product, people: int, restarts: int) -> list[Figure]:
    """Let PostgreSQL fall over every other second while people book; they press again until they know."""
    crowd = Crowd(product, zips(product), 220, Habits(twice=0.3))
    booking = threading.Thread(target=crowd.run, args=(people, 8), kwargs={"over": restarts * 2.0})
    booking.start()
    for _ in range(restarts):
        time.sleep(2)
        product.kill("postgres", signal.SIGQUIT)
        product.wait_back("postgres")
    booking.join()
    settled = quiet.wait(product, 300)
    return [
        verdict.told("PostgreSQL restarted", f"{restarts} times"),
        verdict.told("answers", dict(sorted(crowd.statuses.items()))),
        verdict.exactly("people without an answer", crowd.count(Answer.UNANSWERED), 0),
        verdict.exactly("accepted bookings lost", verdict.lost(product, crowd), 0),
        verdict.exactly("HTTP 500", crowd.statuses[500], 0),
        verdict.told("all delivered after", f"{settled or -1:.0f} s"),
    ]


def lost_commit_replies(product: Product, keys: int) -> list[Figure]:
    """Let PostgreSQL commit each booking and lose the answer on the way, up to three times running."""
    supervisor, proxy, rng = product.stack.supervisor, product.database_proxy, random.Random(230)
    others = ("dispatcher", *WORKERS)
    for name in others:
        supervisor.pause(name)
    dropped, before = proxy.dropped_commits, product.one("SELECT count(*) FROM bookings")
    habits = Habits(before_press=lambda: proxy.drop_commit_reply(rng.randrange(1, 4)))
    try:
        crowd = Crowd(product, zips(product), 230, habits).run(keys)
    finally:
        proxy.forget_orders()
        for name in others:
            supervisor.resume(name)
    return [
        verdict.at_least("answers to COMMIT lost", proxy.dropped_commits - dropped, keys),
        verdict.exactly("keys accepted", crowd.count(Answer.ACCEPTED), keys),
        verdict.exactly("bookings made", product.one("SELECT count(*) FROM bookings") - before, keys),
        verdict.exactly("accepted bookings lost", verdict.lost(product, crowd), 0),
        verdict.told("answers", dict(sorted(crowd.statuses.items()))),
    ]
