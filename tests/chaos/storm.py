"""Status callbacks by the thousand: twice, out of order, forged. And changes of mind while the visit is being made."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from app.providers.twilio_signature import signature
from tests.chaos import quiet, verdict
from tests.chaos.clients import Answer, Crowd, Habits
from tests.chaos.headline import zips
from tests.chaos.product import Product
from tests.chaos.verdict import Figure

TEXTS = 25
LIFE = ("queued", "sending", "sent", "delivered")
JOBS = "/jpm/v2/tenant/*/jobs"
WORST_P95 = 1.0
STATES = "SELECT id, delivery_status FROM notifications WHERE type = 'sms' AND status = 'sent'"


def callbacks(product: Product, count: int) -> list[Figure]:
    """Send so many callbacks about a few texts: genuine ones twice and in any order, and forged ones."""
    Crowd(product, zips(product), 600, Habits(texts=1)).run(TEXTS, 4)
    quiet.wait(product, 180)
    texts = product.rows(
        "SELECT id, external_id FROM notifications WHERE type = 'sms' AND status = 'sent' LIMIT :n", n=TEXTS
    )
    rng = random.Random(600)
    plan = [(rng.choice(texts), rng.choice(LIFE), rng.random() < 0.2) for _ in range(count)]
    answers: Counter[tuple[bool, int]] = Counter()
    seconds: list[float] = []
    backwards, known = 0, dict[Any, Any]()
    with (
        httpx.Client(base_url=product.env["PUBLIC_BASE_URL"], timeout=30) as web,
        ThreadPoolExecutor(4) as pool,
    ):
        for start in range(0, count, 250):
            for forged, answer in pool.map(
                lambda call: call_back(product, web, *call), plan[start : start + 250]
            ):
                answers[forged, answer.status_code] += 1
                seconds.append(answer.elapsed.total_seconds())
            now = {row.id: row.delivery_status for row in product.rows(STATES)}
            backwards += sum(rank(now.get(key)) < rank(state) for key, state in known.items())
            known = now
    accepted_forged = sum(number for (forged, status), number in answers.items() if forged and status != 403)
    refused_true = sum(number for (forged, status), number in answers.items() if not forged and status >= 300)
    return [
        verdict.told("callbacks", sum(answers.values())),
        verdict.exactly("statuses that went backwards", backwards, 0),
        verdict.exactly("forged ones not answered 403", accepted_forged, 0),
        verdict.exactly("genuine ones refused", refused_true, 0),
        verdict.exactly("texts not delivered in the end", undelivered(known, texts), 0),
        verdict.told("p95", f"{sorted(seconds)[int(len(seconds) * 0.95)] * 1000:.0f} ms"),
    ]


def undelivered(known: dict[object, object], texts: list[object]) -> int:
    """Count texts that were called delivered and do not stand so."""
    return sum(known.get(row.id) != "delivered" for row in texts)  # type: ignore[attr-defined]


def rank(status: object) -> int:
    """Return how far along a status is."""
    return LIFE.index(str(status)) if status in LIFE else -1


def call_back(
    product: Product, web: httpx.Client, text: object, status: str, forged: bool
) -> tuple[bool, httpx.Response]:
    """Send one callback as Twilio does, or with a signature of somebody else's."""
    path = f"/webhooks/twilio/status?n={text.id}"  # type: ignore[attr-defined]
    sid = text.external_id  # type: ignore[attr-defined]
    fields = {"MessageSid": sid, "MessageStatus": status, "AccountSid": product.env["TWILIO_ACCOUNT_SID"]}
    url = product.env["PUBLIC_BASE_URL"].rstrip("/") + path
    secret = "somebody-else" if forged else product.env["TWILIO_AUTH_TOKEN"]
    signed = signature(secret, url, {name: [value] for name, value in fields.items()})
    return forged, web.post(path, data=fields, headers={"X-Twilio-Signature": signed})


def races(product: Product, each: int) -> list[Figure]:
    """Cancel, and move, right while the visit is being made at ServiceTitan."""
    figures = []
    for number, what in enumerate(("cancel", "move")):
        for _ in range(each // 2):
            product.order_fault("servicetitan", "latency", JOBS, method="POST", latency_ms=200)
        habits = Habits(change=1, changes=(what,), hesitation=0.6, texts=0)
        crowd = Crowd(product, zips(product), 610 + number, habits).run(each, 4)
        took = quiet.wait(product, 240)
        figures += [
            verdict.exactly(f"{what}: accepted", crowd.count(Answer.ACCEPTED), each),
            verdict.told(f"{what}: answers", dict(crowd.changes)),
            verdict.told(f"{what}: quiet after", f"{took or -1:.0f} s"),
        ]
    return [
        *figures,
        *verdict.standing(product),
    ]
