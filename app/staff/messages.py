"""Every message we ever send, as a homeowner would get it: in both languages, on both channels, with what it costs."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Response

from app import clock
from app.booking import consent
from app.config import Settings
from app.notifications import messages
from app.notifications.messages import LOCALES, MAX_SEGMENTS, MESSAGES, EmailText, Facts, Message, Wording
from app.staff.pages import page, staff
from app.web import settings

EXAMPLE_LINK = "an-example-of-a-link-that-nobody-else-knows"
WHEN = {
    Wording.CONFIRMED: "Once the job is in ServiceTitan, if that takes less than five minutes.",
    Wording.RECEIVED: "Five minutes after booking, if the job is not in ServiceTitan by then.",
    Wording.MOVED: "As soon as somebody moves the visit.",
    Wording.CANCELLED: "As soon as somebody cancels the visit. It always goes out.",
    Wording.REMINDER_DAY: "The day before, at the hour the window begins, but between 8 AM and 8 PM.",
    Wording.REMINDER_SOON: "Two hours before. For a window that begins before 10 AM: at 8 PM the evening before.",
    Wording.WINDOW_LOST: "When ServiceTitan has no room for the window any more.",
}
TITLES = {
    Wording.CONFIRMED: "Confirmation",
    Wording.RECEIVED: "Booking received",
    Wording.MOVED: "Visit moved",
    Wording.CANCELLED: "Visit cancelled",
    Wording.REMINDER_DAY: "Reminder, the day before",
    Wording.REMINDER_SOON: "Reminder, two hours before",
    Wording.WINDOW_LOST: "Window lost",
}

CONSENTS = (("Texts about the visit", consent.sms_text), ("News by e-mail", consent.news_text))


@dataclass(frozen=True)
class TextPreview:
    """A text message and what it costs; `first_*` is the same as the first text to a number."""

    words: str
    length: int
    segments: int
    first_length: int
    first_segments: int

    @property
    def is_long(self) -> bool:
        """Say whether it costs more than we want to pay."""
        return max(self.segments, self.first_segments) > MAX_SEGMENTS


@dataclass(frozen=True)
class Sample:
    """One message in one language."""

    locale: str
    email: EmailText
    text: TextPreview


@dataclass(frozen=True)
class Preview:
    """One message: what it is called, when it leaves, which flow sends it, and how it reads."""

    wording: Wording
    title: str
    when: str
    metric: str
    samples: tuple[Sample, ...]


@staff.get("/messages")
def show_messages() -> Response:
    """Show all messages with an example booking."""
    facts = example_facts(settings(), clock.now())
    first = messages.sms_text(Wording.CONFIRMED, replace(facts, is_first_text=True))
    return page(
        "messages",
        previews=[preview(message, facts) for message in MESSAGES],
        most_segments=MAX_SEGMENTS,
        first=first,
        first_segments=messages.segments(first),
        consents=[
            (purpose, words(facts.company, locale), locale)
            for purpose, words in CONSENTS
            for locale in LOCALES
        ],
    )


def preview(message: Message, facts: Facts) -> Preview:
    """Word one message in every language."""
    wording = message.wording
    return Preview(
        wording,
        TITLES[wording],
        WHEN[wording],
        message.metric,
        tuple(sample(wording, replace(facts, locale=locale)) for locale in LOCALES),
    )


def sample(wording: Wording, facts: Facts) -> Sample:
    """Word one message in the language of its facts."""
    usual = messages.sms_text(wording, facts)
    first = messages.sms_text(wording, replace(facts, is_first_text=True))
    return Sample(
        facts.locale,
        messages.email_text(wording, facts),
        TextPreview(usual, len(usual), messages.segments(usual), len(first), messages.segments(first)),
    )


def example_facts(settings: Settings, now: datetime) -> Facts:
    """Make up a booking of this company: two days from now, with three more windows open."""
    zone = ZoneInfo(settings.report_timezone)
    starts_at = (now.astimezone(zone) + timedelta(days=2)).replace(hour=8, minute=0, second=0, microsecond=0)
    length = timedelta(hours=2)
    others = [starts_at + timedelta(days=days, hours=hours) for days, hours in ((0, 4), (1, 0), (1, 6))]
    return Facts(
        company=settings.company_name,
        company_phone=settings.company_phone,
        first_name="Ana",
        reference="7K2M9QXA",
        starts_at=starts_at,
        ends_at=starts_at + length,
        timezone=settings.report_timezone,
        locale=LOCALES[0],
        manage_url=f"{settings.public_base_url.rstrip('/')}/manage/{EXAMPLE_LINK}",
        alternatives=tuple((begin, begin + length) for begin in others),
    )
