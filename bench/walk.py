"""P7 and P18: what one whole booking costs the web server, from the entry to the done page, and its memory after many."""

import argparse
import re
import sys
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from bench.processes import cpu_ms, pss_mb
from bench.stage import Stage, stage
from bench.table import Figure, report
from bench.wire import HTMX, Reply, Wire, get, post

HIDDEN = re.compile(rb'name="(fs|submission_id)" value="([^"]+)"')
WINDOW = re.compile(rb'name="slot_id"\s+value="([0-9a-f-]{36})"')
LOCATION = re.compile(rb"\r\nlocation: *(\S+)", re.IGNORECASE)
REPLIES = {
    "zip": {},
    "issue": {"issue_type": "broken_spring"},
    "doors": {"door_count": "1", "door_age": "7"},
    "ownership": {"homeowner_status": "owner"},
    "slot": {},
    "contact": {"first_name": "Ana", "last_name": "Ruiz", "phone": "(602) 555-0123", "address_line1": "12 Oak Street", "sms_opt_in": "1"},
    "review": {},
}  # fmt: skip
TRIES = 5  # somebody else may take the window first
OPEN_ZIPS = text(
    "SELECT a.zip_code FROM service_areas a JOIN time_slots s ON s.service_area_id = a.id AND s.available GROUP BY 1"
    " ORDER BY count(*) DESC, 1"
)


def main() -> int:
    """Book many times with a few visitors at once; walks that found no window left count as cost and not as bookings."""
    parser = argparse.ArgumentParser(prog="python -m bench.walk", description=__doc__)
    parser.add_argument("--bookings", type=int, default=150)
    parser.add_argument("--visitors", type=int, default=4)
    options = parser.parse_args()
    with stage() as at:
        book_many(at, range(-24, 0), options.visitors)  # warms up
        before = cpu_ms(at.product.pid)
        booked = book_many(at, range(options.bookings), options.visitors)
        each = (cpu_ms(at.product.pid) - before) / max(booked, 1)
        memory = pss_mb(at.product.pid)
    assert booked >= 0.8 * options.bookings, f"only {booked} were booked"
    return report(
        Figure("P7 one whole booking, web CPU", 20, 12, each, " ms", more_is_better=False, note=f"{booked} bookings of 8 pages each"),
        Figure("P18 memory of 2 web workers, PSS", 160, 130, memory, " MB", more_is_better=False, note="their supervisor included"),
    )  # fmt: skip


def book_many(at: Stage, numbers: range, visitors: int) -> int:
    """Book once for each number; return how many came to the done page."""
    with at.owner.connect() as connection:
        zips = connection.execute(OPEN_ZIPS).scalars().all()
    with ThreadPoolExecutor(visitors) as pool:
        return sum(pool.map(lambda number: book(at, number, zips[number % len(zips)]), numbers))


def book(at: Stage, number: int, zip_code: str) -> bool:
    """Walk through the wizard as a browser with htmx does."""
    wire = Wire(at.product.port)
    try:
        base = location(wire.ask(get("/book"))).rpartition("/")[0]
        page = wire.ask(get(f"{base}/zip"))
        for step, reply in REPLIES.items():
            if step == "slot" and not WINDOW.search(page.body):
                return False
            page = wire.ask(
                post(f"{base}/{step}", {"zip_code": zip_code} | reply | fields(page, step, number), HTMX)
            )
            for again in range(1, TRIES):
                if page.status != 409 or step != "slot":
                    break
                page = wire.ask(post(f"{base}/slot", fields(page, step, number + again), HTMX))
            if page.status != 200:
                return False
        return b'data-step="done"' in page.body
    finally:
        wire.close()


def fields(page: Reply, step: str, number: int) -> dict[str, str]:
    """Return what this visitor's form sends besides the common answers."""
    own = {name.decode(): value.decode() for name, value in HIDDEN.findall(page.body)}
    if step == "slot":
        found = WINDOW.findall(page.body)
        own["slot_id"] = found[number * 7 % len(found)].decode()
    if step == "contact":
        own["email"] = f"walk{number}@example.com"
    return own


def location(reply: Reply) -> str:
    """Return where an answer leads."""
    found = LOCATION.search(reply.head)
    assert found, reply.head
    return found[1].decode()


if __name__ == "__main__":
    sys.exit(main())
