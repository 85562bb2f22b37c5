"""The words people agree to, by version and language, and the ledger row that proves it."""

import hashlib
import ipaddress
import json
from dataclasses import dataclass
from enum import StrEnum

from app.notifications.recipients import email_hash, phone_hash

SMS_TEXT_VERSION = "sms-2026-11"
NEWS_TEXT_VERSION = "news-2026-11"
TEXTS = {
    ("sms-2026-11", "en"): (
        "Yes, text me about this visit. By ticking this box I agree that {company} may send me automated texts about my"
        " booking (confirmation, reminders, changes) at the number above. Up to 6 messages a booking. Message and data"
        " rates may apply. Reply STOP to stop, HELP for help. Not a condition of booking."
    ),
    ("sms-2026-11", "es"): (
        "Sí, envíenme mensajes de texto sobre esta visita. Al marcar esta casilla acepto que {company} me envíe mensajes"
        " automáticos sobre mi reserva (confirmación, recordatorios, cambios) al número indicado. Hasta 6 mensajes por"
        " reserva. Pueden aplicarse tarifas de mensajes y datos. Responda STOP para cancelar, HELP para ayuda. No es"
        " condición para reservar."
    ),
    ("news-2026-11", "en"): (
        "Yes, email me offers and care tips. By ticking this box I agree that {company} may send me marketing emails at"
        " the address above. Every email has a link to unsubscribe. Not a condition of booking."
    ),
    ("news-2026-11", "es"): (
        "Sí, envíenme ofertas y consejos por correo electrónico. Al marcar esta casilla acepto que {company} me envíe"
        " correos comerciales a la dirección indicada. Cada correo tiene un enlace para darse de baja. No es condición"
        " para reservar."
    ),
}


class Purpose(StrEnum):
    """What a consent is for; one never covers the other."""

    BOOKING = "booking"
    MARKETING = "marketing"


@dataclass(frozen=True)
class Witness:
    """Where and how consent was given: what proves it later. The address is kept truncated only."""

    page: str
    partner: str
    locale: str
    ip: str | None
    user_agent: str


def sms_text(company: str, locale: str, version: str = SMS_TEXT_VERSION) -> str:
    """Return the opt-in wording shown beside the box for texts."""
    return TEXTS[(version, locale)].format(company=company)


def news_text(company: str, locale: str, version: str = NEWS_TEXT_VERSION) -> str:
    """Return the opt-in wording shown beside the box for news by e-mail."""
    return TEXTS[(version, locale)].format(company=company)


def truncate_ip(address: str | None) -> str | None:
    """Return the /24 of an IPv4 or the /48 of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return None
    return str(ipaddress.ip_network(f"{parsed}/{24 if parsed.version == 4 else 48}", strict=False))


FACTS = (
    "phone_hash, email_hash, channel, purpose, action, text_version, text_sha256, locale, page, partner, ip_truncated,"
    " user_agent_hash, method"
)
# Two parts of a WITH that has a row in `booking` once there is a booking to agree to.
WORDS = (
    "words AS (INSERT INTO consent_texts (version, purpose, locale, body, sha256) SELECT version, purpose, locale, body, sha256"
    " FROM jsonb_populate_recordset(NULL::consent_texts, CAST(:agreed AS jsonb)), booking ON CONFLICT DO NOTHING)"
)
CONSENTS = (
    "consent AS (INSERT INTO consents (customer_id, booking_id, {0}) SELECT b.customer_id, b.id, {0}"
    " FROM jsonb_populate_recordset(NULL::consents, CAST(:agreed AS jsonb)), booking b)"
)


@dataclass(frozen=True)
class OptIn:
    """Which boxes were ticked, and what was typed beside them."""

    sms: bool
    news: bool
    phone: str
    email: str
    company: str


def agreed(given: OptIn, witness: Witness, key: str) -> str:
    """Return what proves each ticked box, beside the very words that stood there, as the statement takes it."""
    ticked = []
    if given.sms:
        words = sms_text(given.company, witness.locale)
        proof = _row(witness, "sms", Purpose.BOOKING, SMS_TEXT_VERSION, words)
        ticked.append(proof | {"phone_hash": as_bytea(phone_hash(given.phone, key))})
    if given.news:
        words = news_text(given.company, witness.locale)
        proof = _row(witness, "email", Purpose.MARKETING, NEWS_TEXT_VERSION, words)
        ticked.append(proof | {"email_hash": as_bytea(email_hash(given.email, key))})
    return json.dumps(ticked)


def _row(witness: Witness, channel: str, purpose: Purpose, version: str, words: str) -> dict[str, str | None]:
    """Return a tick as columns of both tables: its words are stored when they are used for the first time."""
    digest = as_bytea(hashlib.sha256(words.encode()).digest())
    return {
        "channel": channel,
        "purpose": purpose,
        "action": "opt_in",
        "method": "web",
        "version": version,
        "text_version": version,
        "body": words,
        "sha256": digest,
        "text_sha256": digest,
        "locale": witness.locale,
        "page": witness.page[:200],
        "partner": witness.partner,
        "ip_truncated": truncate_ip(witness.ip),
        "user_agent_hash": as_bytea(hashlib.sha256(witness.user_agent.encode()).digest()),
    }


def as_bytea(value: bytes) -> str:
    """Write bytes as PostgreSQL reads them in text."""
    return f"\\x{value.hex()}"
