"""Recipients as keyed hashes: enough to find a person's messages and consents again, useless to anyone without the key."""

import hashlib
import hmac


def phone_hash(phone: str, key: str) -> bytes:
    """Return the hash of a phone number: the one its consents are found under."""
    return keyed_hash("phone", phone, key)


def email_hash(email: str, key: str) -> bytes:
    """Return the hash of an e-mail address."""
    return keyed_hash("email", email.strip().lower(), key)


def keyed_hash(kind: str, value: str, key: str) -> bytes:
    """Hash a value of one kind, so that equal text of two kinds never looks equal. The key never changes."""
    return hmac.new(key.encode(), f"{kind}:{value}".encode(), hashlib.sha256).digest()
