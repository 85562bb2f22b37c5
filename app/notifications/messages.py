"""All we ever send: which message in which words, in both languages, rendered when it leaves and stored nowhere."""

import math
import re
import unicodedata
from dataclasses import asdict, dataclass, replace
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
LONGEST_NAME = 40
NO_NAME = re.compile(r"[/\\:@<>#$%\d]|www\.|\.\w{2}", re.IGNORECASE)
MAX_SEGMENTS = 2
MOST_OFFERED = 3

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
    REMINDER_DAY = "reminder_day"
    REMINDER_SOON = "reminder_soon"
    WINDOW_LOST = "window_lost"


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
    Message(MessageKind.REMINDER_DAY, Wording.REMINDER_DAY, "A1 Booking Reminder"),
    Message(MessageKind.REMINDER_SOON, Wording.REMINDER_SOON, "A1 Booking Reminder"),
    Message(MessageKind.WINDOW_LOST, Wording.WINDOW_LOST, "A1 Booking Window Lost"),
)
METRICS = {message.wording: message.metric for message in MESSAGES}


@dataclass(frozen=True)
class Facts:
    """What a message tells. Windows are shown in the area's own zone; `alternatives` are begin and end of open ones.

    The first text to a number says how many follow and how to get help; `may_confirm` offers the answer C.
    """

    company: str
    company_phone: str
    first_name: str
    reference: str
    starts_at: datetime
    ends_at: datetime
    timezone: str
    locale: str
    manage_url: str
    alternatives: tuple[tuple[datetime, datetime], ...] = ()
    is_first_text: bool = False
    may_confirm: bool = True


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
    """Return a text message in GSM-7 letters only: one other letter would halve what fits.

    Of the windows offered it names as many as fit, for the link shows them all; what still does not fit is put shorter.
    """
    for shown in range(min(len(facts.alternatives), MOST_OFFERED), -1, -1):
        words = _text(wording, replace(facts, alternatives=facts.alternatives[:shown]))
        if segments(words) <= MAX_SEGMENTS:
            return words
    return _text(wording, replace(facts, alternatives=()), is_short=True)


def _text(wording: Wording, facts: Facts, *, is_short: bool = False) -> str:
    return to_gsm7(_render(wording, Channel.SMS, facts, is_short=is_short))


def email_text(wording: Wording, facts: Facts) -> EmailText:
    """Return an e-mail: the first line of the template is the subject."""
    subject, _, body = _render(wording, Channel.EMAIL, facts).partition("\n\n")
    return EmailText(subject, body)


def _render(wording: Wording, channel: Channel, facts: Facts, *, is_short: bool = False) -> str:
    locale = facts.locale if facts.locale in LOCALES else LOCALES[0]
    values = asdict(facts) | {
        "locale": locale,
        "is_short": is_short,
        "company": facts.company[:LONGEST_COMPANY].strip(),
        "company_phone": spoken_phone(facts.company_phone),
        "first_name": greetable(facts.first_name),
        "window": window_words(facts),
        "alternatives": [
            span_words(*span, facts.timezone, locale) for span in facts.alternatives[:MOST_OFFERED]
        ],
    }
    return _TEMPLATES.get_template(f"{locale}/{wording}.{channel}.txt").render(values).strip()


def window_words(facts: Facts) -> str:
    """Return «Tue, Nov 24, 8 AM - 10 AM (Phoenix time)» in the message's language."""
    city = facts.timezone.rpartition("/")[2].replace("_", " ")
    span = span_words(facts.starts_at, facts.ends_at, facts.timezone, facts.locale)
    return f"{span} (hora de {city})" if facts.locale == "es" else f"{span} ({city} time)"


def span_words(starts_at: datetime, ends_at: datetime, timezone: str, locale: str) -> str:
    """Return «Tue, Nov 24, 8 AM - 10 AM», without the zone's name."""
    starts, ends = (at.astimezone(ZoneInfo(timezone)) for at in (starts_at, ends_at))
    pattern, language = ("EEE d 'de' MMM", "es") if locale == "es" else ("EEE, MMM d", "en")
    return f"{format_date(starts, pattern, locale=language)}, {_clock(starts)} - {_clock(ends)}"


def _clock(at: datetime) -> str:
    return format_time(at, "h a" if at.minute == 0 else "h:mm a", locale="en")


def spoken_phone(number: str) -> str:
    """Return a US number as people write it, any other unchanged."""
    if number.startswith("+1") and len(number) == 12:
        return f"({number[2:5]}) {number[5:8]}-{number[8:]}"
    return number


def greetable(name: str) -> str:
    """Return a first name to greet with, or nothing where somebody typed an advertisement instead of a name."""
    name = " ".join(name.split())
    return "" if len(name) > LONGEST_NAME or NO_NAME.search(name) else name


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
