"""Mail scanners open every link in every message, again and again: no row may change."""

import re
from typing import Any

import httpx

from tests.chaos import quiet, verdict
from tests.chaos.clients import Crowd, Habits
from tests.chaos.headline import zips
from tests.chaos.product import WORKERS, Product
from tests.chaos.verdict import Figure

LINK = re.compile(r"https?://[^\s\"'<>\\)]+")
INSIDE = re.compile(r'href="(/(?:manage|privacy|terms|sms-terms)[^"]*)"')
# What a look may leave behind: that a page was seen.
ALLOWED = {"analytics_events", "wizard_sessions"}
AT_REST = ("dispatcher", *WORKERS)
TABLES = (
    "SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"
)


def run(product: Product, visits: int) -> list[Figure]:
    """Collect every link of every message there is and open each so many times."""
    crowd = Crowd(product, zips(product), 700, Habits(change=0.4, texts=1)).run(5, 2)
    quiet.wait(product, 180)
    for name in AT_REST:  # whatever changes from here on, a look did it
        product.stack.supervisor.pause(name)
    try:
        return look(product, crowd, visits)
    finally:
        for name in AT_REST:
            product.stack.supervisor.resume(name)


def look(product: Product, crowd: Crowd, visits: int) -> list[Figure]:
    """Open everything, and compare all tables before and after."""
    base = product.env["PUBLIC_BASE_URL"].rstrip("/")
    with httpx.Client(timeout=30, follow_redirects=True) as web:
        found = messages_links(product, base, crowd)
        found |= {base + inside for link in sorted(found) for inside in INSIDE.findall(web.get(link).text)}
        before = checksums(product)
        answers = [web.get(link).status_code for _ in range(visits) for link in sorted(found)]
    changed = {name for name, value in checksums(product).items() if value != before[name]} - ALLOWED
    return [
        verdict.at_least("links in messages and on the pages behind them", len(found), 5),
        verdict.told("times opened", len(answers)),
        verdict.exactly("tables changed", sorted(changed) or 0, 0),
        verdict.exactly("HTTP 500", sum(status >= 500 for status in answers), 0),
    ]


def messages_links(product: Product, base: str, crowd: Crowd) -> set[str]:
    """Return the addresses of ours in e-mails and texts to these people."""
    texts = [str(product.simulator.get(f"/__sim__/outbox/{kind}").json()) for kind in ("email", "sms")]
    return {link.rstrip(".,") for text in texts for link in LINK.findall(text) if link.startswith(base)}


def checksums(product: Product) -> dict[str, Any]:
    """Return a checksum of all rows of each table."""
    return {
        row.name: product.one(
            f"SELECT md5(coalesce(string_agg(x::text, '|' ORDER BY x::text), '')) FROM \"{row.name}\" x"
        )
        for row in product.rows(TABLES)
    }
