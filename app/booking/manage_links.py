"""The link by which a homeowner comes back to a booking: unguessable, stored hashed, and writable again by a worker."""

import hashlib
import hmac
import secrets
import uuid
from base64 import urlsafe_b64encode
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

ADD = text(
    "INSERT INTO manage_links (token_hash, nonce, booking_id) VALUES (:token_hash, :nonce, :booking_id)"
)
NONCE = text(
    "SELECT nonce FROM manage_links WHERE booking_id = :booking_id AND revoked_at IS NULL ORDER BY created_at DESC LIMIT 1"
)
FIND = text(
    "SELECT l.booking_id, l.revoked_at IS NOT NULL OR b.window_end + interval '48 hours' < now() AS is_over"
    " FROM manage_links l JOIN bookings b ON b.id = l.booking_id WHERE l.token_hash = :token_hash"
)


@dataclass(frozen=True)
class FoundLink:
    """The booking behind a token, and whether the link has ended: 48 hours after the current window, or revoked."""

    booking_id: uuid.UUID
    is_over: bool


def token_of(nonce: bytes, key: str) -> str:
    """Return the token of a nonce: the same on every retry, unknown to anyone without the key."""
    return (
        urlsafe_b64encode(hmac.new(key.encode(), b"manage:" + nonce, hashlib.sha256).digest())
        .decode()
        .rstrip("=")
    )


def hash_of(token: str) -> bytes:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


def new() -> bytes:
    """Return the nonce of a new link."""
    return secrets.token_bytes(16)


def add(session: Session, booking_id: uuid.UUID, key: str) -> str:
    """Make another link of a booking and return its token; the first is written with the booking."""
    nonce = new()
    token = token_of(nonce, key)
    session.execute(ADD, {"token_hash": hash_of(token), "nonce": nonce, "booking_id": booking_id})
    return token


def url_for_booking(session: Session, booking_id: uuid.UUID, *, key: str, base_url: str) -> str:
    """Return the address of a booking's newest link."""
    nonce: bytes = session.execute(NONCE, {"booking_id": booking_id}).scalar_one()
    return f"{base_url}/manage/{token_of(bytes(nonce), key)}"


def find(session: Session, token: str) -> FoundLink | None:
    """Return the booking of a token, or None for a token we never made."""
    if len(token) != 43 or not token.isascii():
        return None
    row = session.execute(FIND, {"token_hash": hash_of(token)}).one_or_none()
    return FoundLink(row.booking_id, row.is_over) if row else None
