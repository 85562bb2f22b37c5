"""All we ever send: which message in which words, in both languages, rendered when it leaves and stored nowhere."""

import math
import unicodedata
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.models.notification import Channel
from app.notifications.queue import MessageKind

LOCALES = ("en", "es")
LONGEST_COMPANY = 30
MAX_SEGMENTS = 2

GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM7_TWICE = frozenset("^{}\\[~]|€")
PLAIN = str.maketrans(
    {"–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "…": "...", "\u202f": " ", "\u00a0": " "}
)


class Wording(StrEnum):
    """How a message puts it. A confirmation is worded by what is true when it leaves."""

    CONFIRMED = "confirmed"
    RECEIVED = "received"
    MOVED = "moved"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Message:
    """One thing we say: its kind, its words, and the metric that starts the e-mail provider's flow."""

    kind: MessageKind
    wording: Wording
    metric: str


MESSAGES = (
    Message(MessageKind.CONFIRMATION, Wording.CONFIRMED, "A1 Booking Confirmed"),
    Message(MessageKind.CONFIRMATION, Wording.RECEIVED, "A1 Booking Received"),
    Message(MessageKind.MOVED, Wording.MOVED, "A1 Booking Rescheduled"),
    Message(MessageKind.CANCELLED, Wording.CANCELLED, "A1 Booking Cancelled"),
)
METRICS = {message.wording: message.metric for message in MESSAGES}


@dataclass(frozen=True)
class Facts:
    """What a message tells. The window is shown in the area's own zone."""

    company: str
    company_phone: str
    first_name: str
    reference: str
    starts_at: datetime
    ends_at: datetime
    timezone: str
    locale: str
    manage_url: str


@dataclass(frozen=True)
class EmailText:
    """An e-mail's subject and plain text."""

    subject: str
    body: str


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1] / "templates" / "messages"),
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701 - plain text messages: escaping would show the reader &amp;
)


def sms_text(wording: Wording, facts: Facts) -> str:
    """Return a text message in GSM-7 letters only: one other letter would halve what fits."""
    return to_gsm7(_render(wording, Channel.SMS, facts))


def email_text(wording: Wording, facts: Facts) -> EmailText:
    """Return an e-mail: the first line of the template is the subject."""
    subject, _, body = _render(wording, Channel.EMAIL, facts).partition("\n\n")
    return EmailText(subject, body)


def _render(wording: Wording, channel: Channel, facts: Facts) -> str:
    locale = facts.locale if facts.locale in LOCALES else LOCALES[0]
    values = asdict(facts) | {
        "company": facts.company[:LONGEST_COMPANY].strip(),
        "company_phone": spoken_phone(facts.company_phone),
        "window": window_words(facts),
    }
    return _TEMPLATES.get_template(f"{locale}/{wording}.{channel}.txt").render(values).strip()


def window_words(facts: Facts) -> str:
    """Return «Tue, Nov 24, 8 AM - 10 AM (Phoenix time)» in the message's language."""
    zone = ZoneInfo(facts.timezone)
    starts_at = facts.starts_at.astimezone(zone)
    hours = f"{_clock(starts_at)} - {_clock(facts.ends_at.astimezone(zone))}"
    city = facts.timezone.rpartition("/")[2].replace("_", " ")
    if facts.locale == "es":
        day = format_date(starts_at, "EEE d 'de' MMM", locale="es")
        return f"{day}, {hours} (hora de {city})"
    return f"{format_date(starts_at, 'EEE, MMM d', locale='en')}, {hours} ({city} time)"


def _clock(at: datetime) -> str:
    return format_time(at, "h a" if at.minute == 0 else "h:mm a", locale="en")


def spoken_phone(number: str) -> str:
    """Return a US number as people write it, any other unchanged."""
    if number.startswith("+1") and len(number) == 12:
        return f"({number[2:5]}) {number[5:8]}-{number[8:]}"
    return number


def to_gsm7(words: str) -> str:
    """Replace what GSM-7 lacks: accents go, typographic marks become plain, the rest a question mark."""
    return "".join(letter if letter in GSM7 else _nearest(letter) for letter in words.translate(PLAIN))


def _nearest(letter: str) -> str:
    if letter in GSM7_TWICE:
        return letter
    base = unicodedata.normalize("NFKD", letter)[0]
    return base if base in GSM7 else "?"


def segments(words: str) -> int:
    """Count the parts a GSM-7 message is sent, and paid, in."""
    length = len(words) + sum(letter in GSM7_TWICE for letter in words)
    return 1 if length <= 160 else math.ceil(length / 153)
