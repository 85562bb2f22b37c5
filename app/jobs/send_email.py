"""E-mail: an event with all the words and facts, which Klaviyo's own flow turns into the e-mail.

Klaviyo records an event once per person, metric and unique id. The metric follows the wording, so the wording is stored
before the first try: a retry after an unclear answer must not say «confirmed» where it said «received».
"""

from datetime import datetime

from sqlalchemy.orm import Session

from app.jobs import messages
from app.jobs.messages import Envelope
from app.jobs.process import Process
from app.jobs.work import Declined, Deferred, Desk, Handler, Job
from app.log import log
from app.models.booking import BookingStatus
from app.notifications import caps
from app.notifications.messages import METRICS, email_text, window_words
from app.providers.ports import EmailEvent, EmailProfile, Outcome, Property, ProviderError

PROFILE_TRIES = 2
REFUSED = "refused"


def prepare(session: Session, process: Process, job: Job) -> Envelope | Declined | Deferred:
    """Read the message; an address that is given for one booking after the other is not written to about each."""
    envelope = messages.read(session, process, job)
    if not isinstance(envelope, Envelope) or not process.settings.abuse_limits:
        return envelope
    if caps.may_mail(session, envelope.booking_id):
        return envelope
    return messages.decline(session, envelope.notification_id, "too many bookings of this address today")


def call(desk: Desk, envelope: Envelope) -> str:
    """Send the event and return its unique id."""
    introduce(desk, envelope)
    if desk.job.ref.get("wording") != envelope.wording:
        desk.progress(wording=envelope.wording)
    try:
        return desk.process.adapters.email.send_event(event_of(envelope, desk.claimed_at))
    except ProviderError as error:
        if not error.may_have_acted:
            desk.progress(wording=None)
        raise


def introduce(desk: Desk, envelope: Envelope) -> None:
    """Tell the provider who the person is, before the booking's first e-mail. Their e-mail never depends on it."""
    if envelope.has_profile or desk.job.ref.get("profile"):
        return
    known = REFUSED
    try:
        known = desk.process.adapters.email.upsert_profile(profile_of(envelope))
    except ProviderError as error:
        tries = desk.job.attempts + desk.job.defer_count
        if error.outcome not in {Outcome.PERMANENT, Outcome.CONFIG} and tries < PROFILE_TRIES:
            raise
        log.warning("profile_refused", reason=error.reason)
    desk.progress(profile=known)


def profile_of(envelope: Envelope) -> EmailProfile:
    """Return the person as the provider keeps them. The phone number stays with us: texts do not leave there."""
    return EmailProfile(
        email=envelope.email,
        external_id=str(envelope.customer_id),
        first_name=envelope.facts.first_name,
        last_name=envelope.last_name,
        city=envelope.city,
        state=envelope.region,
        zip_code=envelope.zip_code,
        timezone=envelope.facts.timezone,
    )


def event_of(envelope: Envelope, at: datetime) -> EmailEvent:
    """Return the event; its id is the same on every try."""
    return EmailEvent(
        metric=METRICS[envelope.wording],
        unique_id=f"booking-{envelope.booking_id}:{envelope.kind}:v{envelope.version}",
        occurred_at=at,
        profile=profile_of(envelope),
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
        "message": envelope.wording,
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


HANDLER = Handler(prepare, call, messages.settle, messages.abandon)
