"""Telling ServiceTitan's advertising reports where a job came from: beside the booking, which never waits for it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.analytics.attribution import touch_from_json
from app.booking.upstream import is_request
from app.jobs.process import Process
from app.jobs.work import Abandoned, Declined, Desk, Handler, Job, Verdict
from app.log import log
from app.models.queue_job import JobOutcome
from app.providers.ports import WebTouch

READ = text("SELECT servicetitan_job_id, attribution FROM bookings WHERE id = :id")
SAME_NAMES = [field.name for field in fields(WebTouch) if not field.name.endswith("_url")]


@dataclass(frozen=True)
class Facts:
    """Which job came from where."""

    job_id: str
    touch: WebTouch


def read_touch(attribution: Mapping[str, Any], base_url: str) -> WebTouch | None:  # Any: {first, last, gpc}
    """Return the last touch in a form the reports take; None when nothing tells where the visit came from.

    The reports insist on a landing page: where none is known it is ours.
    """
    touch = touch_from_json(attribution.get("last") or {})
    known = {name: getattr(touch, name) for name in SAME_NAMES}
    landing = touch.landing_path or ""
    if not landing and not any(known.values()):
        return None
    url = landing if landing.startswith("http") else base_url.rstrip("/") + (landing or "/")
    return WebTouch(landing_page_url=url, referrer_url=touch.referrer_origin or "", **known)


def prepare(session: Session, process: Process, job: Job) -> Facts | Declined:
    """Read where the booking came from."""
    row = session.execute(READ, {"id": job.booking_id}).one()
    touch = read_touch(row.attribution, process.settings.public_base_url)
    if touch is None or row.servicetitan_job_id is None or is_request(row.servicetitan_job_id):
        return Declined(Verdict.NOTHING_TO_DO, "nothing to tell, or no job to tell it of")
    return Facts(row.servicetitan_job_id, touch)


def call(desk: Desk, facts: Facts) -> None:
    """Tell it; telling it twice says the same."""
    desk.process.adapters.field_service.attribute_job(facts.job_id, facts.touch)


def settle(_session: Session, _job: Job, _facts: Facts, _nothing: None) -> JobOutcome:
    """Nothing follows from it."""
    return JobOutcome.OK


def abandon(_session: Session, _process: Process, _job: Job, abandoned: Abandoned) -> None:
    """Leave the booking alone: a report without this visit is no reason to look at it."""
    log.warning("job_not_attributed", reason=abandoned.reason)


HANDLER = Handler(prepare, call, settle, abandon)
