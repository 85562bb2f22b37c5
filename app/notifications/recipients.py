"""Recipients as keyed hashes: enough to find a person's messages and consents again, useless to anyone without the key.
And which numbers there may be at all: those of the United States that cost what a call costs.
"""

import hashlib
import hmac

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

HOME = (
    "US"  # other regions share +1: Canada, and islands whose numbers are dear and a favourite of fraudsters
)
PREMIUM_EXCHANGE = "976"
LINE_DIGITS = 4


def phone_hash(phone: str, key: str) -> bytes:
    """Return the hash of a phone number: the one its consents are found under."""
    return keyed_hash("phone", phone, key)


def prefix_hash(phone: str, key: str) -> bytes:
    """Return the hash of a phone number without its last four digits: the block that fraudsters send to."""
    return keyed_hash("prefix", phone[:-LINE_DIGITS], key)


def email_hash(email: str, key: str) -> bytes:
    """Return the hash of an e-mail address."""
    return keyed_hash("email", email.strip().lower(), key)


def keyed_hash(kind: str, value: str, key: str) -> bytes:
    """Hash a value of one kind, so that equal text of two kinds never looks equal. The key never changes."""
    return hmac.new(key.encode(), f"{kind}:{value}".encode(), hashlib.sha256).digest()


def home_number(typed: str) -> str | None:
    """Return a number of the United States in E.164, however it was typed; None for any other."""
    try:
        parsed = phonenumbers.parse(typed, HOME)
    except phonenumbers.NumberParseException:
        return None
    if parsed.extension or not phonenumbers.is_valid_number_for_region(parsed, HOME) or is_premium(parsed):
        return None
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)


def is_premium(number: PhoneNumber) -> bool:
    """Say whether a call to it costs more: 900, and the exchange 976 of any area."""
    exchange = str(number.national_number)[3:6]
    return phonenumbers.number_type(number) == PhoneNumberType.PREMIUM_RATE or exchange == PREMIUM_EXCHANGE
