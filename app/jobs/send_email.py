"""E-mail: an event with all the words and facts, which Klaviyo's own flow turns into the e-mail.

Klaviyo records an event once per person, metric and unique id. The metric follows the wording, so the wording is stored
before the first try: a retry after an unclear answer must not say «confirmed» where it said «received».
"""

from datetime import datetime

from app.jobs import messages
from app.jobs.messages import Envelope
from app.jobs.work import Desk, Handler
from app.models.booking import BookingStatus
from app.notifications.messages import METRICS, email_text, window_words
from app.providers.ports import EmailEvent, EmailProfile, Property, ProviderError


def call(desk: Desk, envelope: Envelope) -> str:
    """Send the event and return its unique id."""
    if desk.job.ref.get("wording") != envelope.wording:
        desk.progress(wording=envelope.wording)
    try:
        return desk.process.adapters.email.send_event(event_of(envelope, desk.claimed_at))
    except ProviderError as error:
        if not messages.may_have_left(error):
            desk.progress(wording=None)
        raise


def event_of(envelope: Envelope, at: datetime) -> EmailEvent:
    """Return the event; its id is the same on every try."""
    return EmailEvent(
        metric=METRICS[envelope.wording],
        unique_id=f"booking-{envelope.booking_id}:{envelope.kind}:v{envelope.version}",
        occurred_at=at,
        profile=EmailProfile(
            email=envelope.email,
            external_id=str(envelope.customer_id),
            first_name=envelope.facts.first_name,
            last_name=envelope.last_name,
        ),
        properties=properties_of(envelope),
    )


def properties_of(envelope: Envelope) -> dict[str, Property]:
    """Return what a flow's template may print."""
    facts, words = envelope.facts, email_text(envelope.wording, envelope.facts)
    return {
        "subject": words.subject,
        "text": words.body,
        "reference": facts.reference,
        "status": envelope.status if envelope.status is not BookingStatus.PENDING else "received",
        "issue_type": envelope.issue_type,
        "window": window_words(facts),
        "window_start": facts.starts_at.isoformat(),
        "window_end": facts.ends_at.isoformat(),
        "timezone": facts.timezone,
        "locale": facts.locale,
        "manage_url": facts.manage_url,
        "company_name": facts.company,
        "company_phone": facts.company_phone,
    }


HANDLER = Handler(messages.read, call, messages.settle, messages.abandon)
