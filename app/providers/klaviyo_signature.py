"""Whether a callback comes from Klaviyo: its signature over the body and the timestamp header, and how old it is."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LARGEST_SKEW = timedelta(minutes=5)


def signature(secret: str, body: bytes, timestamp: str) -> str:
    """Return the hex HMAC-SHA256 of the body with the timestamp header appended as it stands."""
    return hmac.new(secret.encode(), body + timestamp.encode(), hashlib.sha256).hexdigest()


def is_genuine(secret: str, body: bytes, timestamp: str, given: str, now: datetime) -> bool:
    """Compare in constant time, and refuse what was signed long ago or for later."""
    fits = hmac.compare_digest(signature(secret, body, timestamp).encode(), given.strip().casefold().encode())
    signed_at = read_moment(timestamp)
    return fits and signed_at is not None and abs(now - signed_at) <= LARGEST_SKEW


def read_moment(words: str) -> datetime | None:
    """Read either way the moment is written: as HTTP writes dates, or in ISO 8601."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(words.strip())
        except (TypeError, ValueError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
