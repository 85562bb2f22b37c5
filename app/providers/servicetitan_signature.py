"""ServiceTitan's seal on a callback; whether its digest is written in hex or in base64 is not told, so either counts."""

import hashlib
import hmac
from base64 import b64encode


def digests(key: str, body: bytes) -> tuple[str, str]:
    """Return the seal of a body in both spellings."""
    digest = hmac.new(key.encode(), body, hashlib.sha256).digest()
    return digest.hex(), b64encode(digest).decode()


def is_genuine(key: str, body: bytes, given: str) -> bool:
    """Compare a given seal with ours, in a time that tells nothing about them."""
    wanted = given.strip().encode()
    in_hex, in_base64 = (hmac.compare_digest(wanted, seal.encode()) for seal in digests(key, body))
    return in_hex or in_base64
