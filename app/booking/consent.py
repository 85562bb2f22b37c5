"""The words people agree to, by version and language, and the ledger row that proves it."""

import hashlib
import ipaddress
import uuid
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.notifications.recipients import phone_hash

SMS_TEXT_VERSION = "sms-2026-11"
SMS_TEXTS = {
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
}


@dataclass(frozen=True)
class Witness:
    """Where and how consent was given: what proves it later. The address is kept truncated only."""

    page: str
    partner: str
    locale: str
    ip: str | None
    user_agent: str


def sms_text(company: str, locale: str, version: str = SMS_TEXT_VERSION) -> str:
    """Return the opt-in wording shown beside the box."""
    return SMS_TEXTS[(version, locale)].format(company=company)


def truncate_ip(address: str | None) -> str | None:
    """Return the /24 of an IPv4 or the /48 of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return None
    return str(ipaddress.ip_network(f"{parsed}/{24 if parsed.version == 4 else 48}", strict=False))


ADD = text(
    "INSERT INTO consents (customer_id, booking_id, phone_hash, channel, purpose, action, text_version, text_sha256, locale,"
    " page, partner, ip_truncated, user_agent_hash, method) VALUES (:customer_id, :booking_id, :phone_hash, 'sms', 'booking',"
    " 'opt_in', :text_version, :text_sha256, :locale, :page, :partner, CAST(:ip AS inet), :user_agent_hash, 'web')"
)


@dataclass(frozen=True)
class OptIn:
    """A ticked box."""

    booking_id: uuid.UUID
    customer_id: uuid.UUID
    phone: str
    company: str


def add_opt_in(session: Session, given: OptIn, witness: Witness, key: str) -> None:
    """Write down that this person ticked the box beside this very text."""
    words = sms_text(given.company, witness.locale)
    session.execute(
        ADD,
        {
            "customer_id": given.customer_id,
            "booking_id": given.booking_id,
            "phone_hash": phone_hash(given.phone, key),
            "text_version": SMS_TEXT_VERSION,
            "text_sha256": hashlib.sha256(words.encode()).digest(),
            "locale": witness.locale,
            "page": witness.page[:200],
            "partner": witness.partner,
            "ip": truncate_ip(witness.ip),
            "user_agent_hash": hashlib.sha256(witness.user_agent.encode()).digest(),
        },
    )
