"""Deliveries to the outside: what is stuck and why, and a way to try again."""

import uuid
from dataclasses import dataclass
from enum import StrEnum

from flask import Response, abort, request, url_for
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import outbox
from app.extensions import db
from app.models.staff import Role
from app.staff import audit_trail
from app.staff.bookings import read_id
from app.staff.bulk_retry import read_causes
from app.staff.pages import back_to, doer, needs, page, staff
from app.staff.pending import PAUSED, next_try, why
from app.web import transaction

PAGE_SIZE = 50


class Show(StrEnum):
    """Which deliveries a list shows."""

    STUCK = "stuck"
    WAITING = "waiting"
    FAILED = "failed"
    DONE = "done"


TITLES = {Show.STUCK: "Needs a look", Show.WAITING: "Waiting", Show.FAILED: "Given up", Show.DONE: "Done"}
LATE = "greatest(j.scheduled_at, j.created_at) < now() - interval '10 minutes'"
CONDITIONS = {
    Show.STUCK: f"(j.status = 'failed' OR j.status IN ('pending', 'processing') AND {LATE}"
    " OR j.status = 'pending' AND j.attempts >= 3)",
    Show.WAITING: "j.status IN ('pending', 'processing')",
    Show.FAILED: "j.status = 'failed'",
    Show.DONE: "j.status = 'completed'",
}
QUERIES = {
    show: text(
        "SELECT j.id, j.job_type, j.queue_name, j.status AS job_status, j.outcome, j.attempts, j.max_attempts, j.error_msg,"  # noqa: S608 - our own conditions
        f" j.scheduled_at, j.started_at, j.completed_at, j.created_at, b.reference, {PAUSED} AS is_paused, h.next_probe_at, h.last_reason,"
        " extract(epoch FROM coalesce(j.completed_at, clock_timestamp()) - j.created_at) AS age"
        " FROM queue_jobs j LEFT JOIN bookings b ON b.id = j.booking_id"
        " LEFT JOIN provider_health h ON h.provider = CASE split_part(j.job_type, '.', 1) WHEN 'slots' THEN 'servicetitan'"
        " ELSE split_part(j.job_type, '.', 1) END"
        f" WHERE {condition} AND (CAST(:before AS uuid) IS NULL OR j.id < :before) ORDER BY j.id DESC LIMIT :size"
    )
    for show, condition in CONDITIONS.items()
}
COUNTS = text(
    f"SELECT count(*) FILTER (WHERE {CONDITIONS[Show.STUCK]}) AS stuck,"  # noqa: S608 - our own conditions
    f" count(*) FILTER (WHERE {CONDITIONS[Show.WAITING]}) AS waiting,"
    f" count(*) FILTER (WHERE {CONDITIONS[Show.FAILED]}) AS failed"
    " FROM queue_jobs j WHERE j.status IN ('pending', 'processing', 'failed')"
)


@dataclass(frozen=True)
class Delivery:
    """One queue job as the list shows it."""

    id: uuid.UUID
    kind: str
    reference: str | None
    status: str
    outcome: str | None
    age: float
    attempts: int
    max_attempts: int
    next_try: str
    reason: str

    @property
    def can_retry(self) -> bool:
        """Say whether a person may send it again."""
        return self.status == "failed"


@staff.get("/jobs")
def list_jobs() -> Response:
    """Show deliveries: by default those that need a look."""
    wanted = request.args.get("show", Show.STUCK)
    show = Show(wanted) if wanted in set(Show) else Show.STUCK
    session = db.session()
    found = read_deliveries(session, show, read_id(request.args.get("before")))
    more = len(found) > PAGE_SIZE
    counts = session.execute(COUNTS).mappings().one()
    tabs = [(choice, TITLES[choice], counts.get(choice)) for choice in Show]
    return page(
        "jobs",
        deliveries=found[:PAGE_SIZE],
        show=show,
        tabs=tabs,
        causes=read_causes(session) if show in {Show.STUCK, Show.FAILED} else [],
        before=found[PAGE_SIZE - 1].id if more else None,
    )


@staff.post("/jobs/<uuid:job_id>/retry")
@needs(Role.DISPATCHER)
def retry_job(job_id: uuid.UUID) -> AnyResponse:
    """Send a delivery again that was given up."""
    here = safe_return(request.form.get("back", "")) or url_for("staff.list_jobs")
    if not transaction.run(lambda session: retry(session, job_id)):
        return back_to(here, "Nothing was done: this delivery has not been given up.", "bad")
    return back_to(here, "It will be tried again within seconds.")


def retry(session: Session, job_id: uuid.UUID) -> bool:
    """Put it back into the queue and write down who did. A job nobody knows is 404."""
    done = outbox.retry(session, job_id)
    if done:
        audit_trail.record(session, doer(), "job_retry", f"job:{job_id}")
    elif not session.execute(outbox.TYPE_OF, {"id": job_id}).scalar():
        abort(404)
    return done


def read_deliveries(session: Session, show: Show, before: uuid.UUID | None) -> list[Delivery]:
    """Return one page and one row more, the newest first."""
    rows = session.execute(QUERIES[show], {"before": before, "size": PAGE_SIZE + 1})
    return [
        Delivery(
            row.id, row.job_type, row.reference, row.job_status, row.outcome, float(row.age), row.attempts, row.max_attempts,
            next_try(row),
            (row.outcome or "ok") if row.job_status == "completed" else why(row),
        )
        for row in rows
    ]  # fmt: skip


def safe_return(path: str) -> str | None:
    """Return where a form came from, when it is a staff page."""
    return path if path.startswith("/staff/") and "//" not in path and "\\" not in path else None
