"""Mail scanners open every link in every message, again and again: no row may change."""

import re
from typing import Any

import httpx

from tests.chaos import quiet, verdict
from tests.chaos.clients import Crowd, Habits
from tests.chaos.headline import zips
from tests.chaos.product import Product
from tests.chaos.verdict import Figure

LINK = re.compile(r"https?://[^\s\"'<>\\)]+")
INSIDE = re.compile(r'href="(/(?:manage|privacy|terms|sms-terms)[^"]*)"')
# What a look may leave behind: that a page was seen, and what the house does by itself.
ALLOWED = {
    "analytics_events", "wizard_sessions", "heartbeat", "task_runs", "queue_jobs", "provider_health", "provider_feeds",
    "report_state", "slot_capacity", "time_slots",
}  # fmt: skip
TABLES = (
    "SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"
)


def run(product: Product, visits: int) -> list[Figure]:
    """Collect every link of every message there is and open each so many times."""
    crowd = Crowd(product, zips(product), 700, Habits(change=0.4, texts=1)).run(5, 2)
    quiet.wait(product, 180)
    base = product.env["PUBLIC_BASE_URL"].rstrip("/")
    with httpx.Client(timeout=30, follow_redirects=True) as web:
        found = messages_links(product, base, crowd)
        found |= {base + inside for link in sorted(found) for inside in INSIDE.findall(web.get(link).text)}
        before = checksums(product)
        answers = [web.get(link).status_code for _ in range(visits) for link in sorted(found)]
    changed = {name for name, value in checksums(product).items() if value != before.get(name)} - ALLOWED
    return [
        verdict.at_least("links in messages and on the pages behind them", len(found), 5),
        verdict.told("times opened", len(answers)),
        verdict.exactly("tables changed", sorted(changed) or 0, 0),
        verdict.exactly("bookings, holds or windows changed", slots_changed(product, before), 0),
        verdict.exactly("HTTP 500", sum(status >= 500 for status in answers), 0),
    ]


def messages_links(product: Product, base: str, crowd: Crowd) -> set[str]:
    """Return the addresses of ours in e-mails and texts to these people."""
    texts = [str(product.simulator.get(f"/__sim__/outbox/{kind}").json()) for kind in ("email", "sms")]
    return {link.rstrip(".,") for text in texts for link in LINK.findall(text) if link.startswith(base)}


def checksums(product: Product) -> dict[str, Any]:
    """Return a checksum of all rows of each table, and of who has or holds which window."""
    sums = {
        row.name: product.one(
            f"SELECT md5(coalesce(string_agg(x::text, '|' ORDER BY x::text), '')) FROM \"{row.name}\" x"
        )
        for row in product.rows(TABLES)
    }
    return sums | {"": product.one("SELECT md5(string_agg(id::text || coalesce(booking_id::text, '') ||"
                                   " coalesce(held_by::text, ''), '|' ORDER BY id)) FROM time_slots")}  # fmt: skip


def slots_changed(product: Product, before: dict[str, Any]) -> int:
    """Say whether any window changed hands; 1 if so."""
    return int(checksums(product)[""] != before[""])
