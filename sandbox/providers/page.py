"""The page for people: what each provider received, newest first."""

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, render_template

from sandbox.providers.klaviyo_records import MailEvent
from sandbox.providers.servicetitan_records import Job
from sandbox.providers.state import World, world
from sandbox.providers.territory import JOB_TYPES, LOCAL, ZONE_BY_ZIP

bp = Blueprint("page", __name__)
SHOWN = 50
SUBJECT_NAMES, BODY_NAMES = ("subject", "title"), ("body", "text", "message", "preview")


@dataclass(frozen=True)
class JobCard:
    """A ServiceTitan job as the dispatch board would show it."""

    number: int
    status: str
    customer: str
    address: str
    zone: str
    day: str
    window: str
    kind: str
    priority: str
    summary: list[str]
    memo: str | None


@dataclass(frozen=True)
class MailCard:
    """An e-mail as its reader would see it; `facts` are the properties that are not subject or text."""

    to: str
    first_name: str
    subject: str
    body: str
    metric: str
    at: str
    facts: list[tuple[str, str]]
    links: list[tuple[str, str]]


@dataclass(frozen=True)
class TextCard:
    """An SMS bubble."""

    to: str
    body: str
    status: str
    error_code: int | None
    at: str


@bp.get("/")
def show() -> str:
    """Render everything received so far."""
    sim = world()
    with sim.lock:
        return render_template(
            "page.html",
            jobs=[_job(sim, job) for job in list(sim.office.jobs.values())[: -SHOWN - 1 : -1]],
            mails=[_mail(event) for event in sim.mail.events[: -SHOWN - 1 : -1] if event.mailed],
            texts=[
                TextCard(text.to, text.body, text.status, text.error_code, _clock(text.created_at))
                for text in sim.phone.texts[: -SHOWN - 1 : -1]
            ],
            totals={
                "jobs": len(sim.office.jobs),
                "mails": len(sim.mail.events),
                "texts": len(sim.phone.texts),
            },
            faults=sim.faults.open_orders(),
            calls=len(sim.requests),
            now=_clock(sim.now()),
        )


def _job(sim: World, job: Job) -> JobCard:
    customer, address = sim.office.customers[job.customer_id], sim.office.locations[job.location_id].address
    visit = job.appointments[0]
    start, end = visit.start.astimezone(LOCAL), visit.end.astimezone(LOCAL)
    zone = ZONE_BY_ZIP.get(str(address.get("zip"))[:5])
    street = " ".join(str(address[part]) for part in ("street", "unit") if address.get(part))
    return JobCard(
        number=job.id,
        status=job.status,
        customer=customer.name,
        address=f"{street}, {address.get('city')}, {address.get('state')} {address.get('zip')}",
        zone=zone.name if zone else "no zone",
        day=f"{start:%a %b} {start.day}",
        window=f"{_hour(start)} – {_hour(end)}",
        kind=JOB_TYPES[job.job_type_id],
        priority=job.priority,
        summary=job.summary.split("<br>"),
        memo=job.cancel_memo,
    )


def _mail(event: MailEvent) -> MailCard:
    texts = {name: str(value) for name, value in event.properties.items() if value is not None}
    subject = next((texts.pop(name) for name in SUBJECT_NAMES if name in texts), event.metric)
    body = next((texts.pop(name) for name in BODY_NAMES if name in texts), "")
    links = [
        (_words(name), value) for name, value in texts.items() if value.startswith(("http://", "https://"))
    ]
    facts = [
        (_words(name), value)
        for name, value in texts.items()
        if not value.startswith(("http://", "https://"))
    ]
    at = datetime.fromisoformat(event.at)
    return MailCard(event.to, event.first_name, subject, body, event.metric, _clock(at), facts, links)


def _words(name: str) -> str:
    return name.removesuffix("_url").replace("_", " ").capitalize()


def _hour(moment: datetime) -> str:
    return f"{moment:%I:%M %p}".lstrip("0").replace(":00", "")


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(LOCAL):%H:%M:%S}"
