"""The words people agree to, by version and language, and the ledger row that proves it."""

import hashlib
import ipaddress
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

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


ADD = text(
    "WITH words AS (INSERT INTO consent_texts (version, purpose, locale, body, sha256)"
    " VALUES (:text_version, :purpose, :locale, :body, :text_sha256) ON CONFLICT DO NOTHING)"
    " INSERT INTO consents (customer_id, booking_id, phone_hash, email_hash, channel, purpose, action, text_version, text_sha256,"
    " locale, page, partner, ip_truncated, user_agent_hash, method) VALUES (:customer_id, :booking_id, :phone_hash, :email_hash,"
    " :channel, :purpose, 'opt_in', :text_version, :text_sha256, :locale, :page, :partner, CAST(:ip AS inet), :user_agent_hash,"
    " 'web')"
)


@dataclass(frozen=True)
class OptIn:
    """A ticked box, and what was typed beside it."""

    booking_id: uuid.UUID
    customer_id: uuid.UUID
    phone: str
    email: str
    company: str


def add_opt_in(session: Session, given: OptIn, witness: Witness, key: str) -> None:
    """Write down that this person ticked the box for texts beside this very text."""
    words = sms_text(given.company, witness.locale)
    recipient = {"channel": "sms", "phone_hash": phone_hash(given.phone, key), "email_hash": None}
    _add(session, given, witness, (Purpose.BOOKING, SMS_TEXT_VERSION, words), recipient)


def add_news_opt_in(session: Session, given: OptIn, witness: Witness, key: str) -> None:
    """Write down that this person ticked the box for news by e-mail beside this very text."""
    words = news_text(given.company, witness.locale)
    recipient = {"channel": "email", "phone_hash": None, "email_hash": email_hash(given.email, key)}
    _add(session, given, witness, (Purpose.MARKETING, NEWS_TEXT_VERSION, words), recipient)


def _add(
    session: Session,
    given: OptIn,
    witness: Witness,
    shown: tuple[Purpose, str, str],
    recipient: Mapping[str, object],
) -> None:
    """Store the words when they are used for the first time, and who agreed to them."""
    purpose, version, words = shown
    session.execute(
        ADD,
        {
            **recipient,
            "customer_id": given.customer_id,
            "booking_id": given.booking_id,
            "purpose": purpose,
            "text_version": version,
            "text_sha256": hashlib.sha256(words.encode()).digest(),
            "body": words,
            "locale": witness.locale,
            "page": witness.page[:200],
            "partner": witness.partner,
            "ip": truncate_ip(witness.ip),
            "user_agent_hash": hashlib.sha256(witness.user_agent.encode()).digest(),
        },
    )
