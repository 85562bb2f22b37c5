"""Waiting until nothing is under way any more, and what is left if that does not come."""

from tests.chaos import verdict
from tests.chaos.clients import Crowd
from tests.chaos.product import Product


def wait(product: Product, within: float) -> float | None:
    """Wait until nothing is due or under way; return the seconds, None for never."""
    return product.wait(lambda: verdict.still_open(product) == 0, within, every=0.5)


def undelivered(product: Product, crowd: Crowd) -> int:
    """Count jobs of these people that did not end well; an SMS that stays uncertain is a documented end."""
    return int(
        product.one(
            "SELECT count(*) FROM queue_jobs q JOIN bookings b ON b.id = q.booking_id WHERE b.reference = ANY(:references)"
            " AND q.outcome IS DISTINCT FROM 'ok' AND NOT (q.job_type = 'twilio.send_sms' AND q.outcome = 'uncertain')"
            " AND NOT (q.status = 'pending' AND q.attempts = 0 AND q.scheduled_at > now())",
            references=crowd.references,
        )
    )
