"""ServiceTitan as the field service: each chapter of its API is a file of its own, and this is all of them.

The API has no idempotency keys, but everything may carry `externalData` and be found by it again.
"""

from app.providers.servicetitan_customers import Customers
from app.providers.servicetitan_feeds import Feeds
from app.providers.servicetitan_requests import Requests
from app.providers.servicetitan_visits import Visits


class ServiceTitan(Customers, Requests, Visits, Feeds):
    """The FieldService port over ServiceTitan's customer, booking, job and appointment APIs."""
