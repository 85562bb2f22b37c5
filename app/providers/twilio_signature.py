"""Whether a callback comes from Twilio: its signature over the address and every field, as Twilio's own validator counts it."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence


def signature(secret: str, url: str, fields: Mapping[str, Sequence[str]]) -> str:
    """Return the base64 HMAC-SHA1 of the address and of each distinct name and value, names and values sorted."""
    words = "".join(name + value for name in sorted(fields) for value in sorted(set(fields[name])))
    return base64.b64encode(hmac.new(secret.encode(), (url + words).encode(), hashlib.sha1).digest()).decode()


def is_genuine(secret: str, url: str, fields: Mapping[str, Sequence[str]], given: str) -> bool:
    """Compare in constant time. `url` is the address exactly as Twilio called it."""
    return hmac.compare_digest(signature(secret, url, fields).encode(), given.encode())
