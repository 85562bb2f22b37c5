"""The signed names of a visit: its token in the address, and the seal in each form."""

import hashlib
import hmac
import uuid
from dataclasses import dataclass

from itsdangerous import BadData, URLSafeSerializer

from app.config import Settings


@dataclass(frozen=True)
class Handle:
    """What a token says before any database is asked: which visit, and whose page it may be framed by."""

    visit_id: uuid.UUID
    partner_key: str
    token: str


@dataclass(frozen=True)
class Seal:
    """The version of the answers a form was made from, proven by our own hand."""

    version: int


def serializer(settings: Settings) -> URLSafeSerializer:
    """Return the signer of tokens; the newest key signs, older ones still verify."""
    keys = [*reversed(settings.secret_key_fallbacks), settings.secret_key]
    return URLSafeSerializer(keys, salt="visit", signer_kwargs={"digest_method": hashlib.sha256})


def make(settings: Settings, visit_id: uuid.UUID, partner_key: str) -> str:
    """Return the token of a visit."""
    token = serializer(settings).dumps([visit_id.hex, partner_key])
    return token if isinstance(token, str) else token.decode()


def read(settings: Settings, token: str) -> Handle | None:
    """Return what a token says, or None for junk."""
    try:
        visit_hex, partner_key = serializer(settings).loads(token)
        return Handle(uuid.UUID(hex=visit_hex), str(partner_key), token)
    except (BadData, ValueError, TypeError, AttributeError):
        return None


def seal(settings: Settings, visit_id: uuid.UUID, step: str, version: int) -> str:
    """Return the hidden `fs` of a form."""
    return f"{version}.{_mac(settings.secret_key, visit_id, step, version)}"


def open_seal(settings: Settings, visit_id: uuid.UUID, step: str, posted: str) -> Seal | None:
    """Return what a posted `fs` proves, or None when we did not make it for this form."""
    number, _, mac = posted.partition(".")
    if not (number.isascii() and number.isdigit() and len(number) < 10 and mac.isascii()):
        return None
    keys = (settings.secret_key, *settings.secret_key_fallbacks)
    genuine = any(hmac.compare_digest(mac, _mac(key, visit_id, step, int(number))) for key in keys)
    return Seal(int(number)) if genuine else None


def _mac(key: str, visit_id: uuid.UUID, step: str, version: int) -> str:
    words = f"fs|{visit_id}|{step}|{version}"
    return hmac.new(key.encode(), words.encode(), hashlib.sha256).hexdigest()[:32]
