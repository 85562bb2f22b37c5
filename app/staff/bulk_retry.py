"""After an outage: all deliveries that were given up for one reason, tried again with one button."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from flask import request, url_for
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import outbox
from app.models.staff import Role
from app.outbox import RULES
from app.staff import audit_trail
from app.staff.formats import in_words
from app.staff.pages import back_to, doer, needs, staff
from app.web import transaction

AT_MOST = 500  # a click; the next click takes the rest
# What comes by itself anyway has no booking, and nobody wants a message about a visit that is over.
WORTH_IT = (
    " FROM queue_jobs j JOIN bookings b ON b.id = j.booking_id"
    " JOIN unnest(CAST(:kinds AS text[]), CAST(:providers AS text[])) AS k (job_type, provider) ON k.job_type = j.job_type"
    " WHERE j.status = 'failed' AND b.window_end > now()"
)
GROUPS = text(
    "SELECT k.provider, j.outcome, coalesce(j.error_msg, '') AS reason, count(*) AS jobs"
    f"{WORTH_IT} GROUP BY 1, 2, 3 HAVING count(*) > 1 ORDER BY jobs DESC, 1, 2, 3 LIMIT 8"
)
FIND = text(
    f"SELECT j.id{WORTH_IT} AND k.provider = :provider AND j.outcome IS NOT DISTINCT FROM :outcome"  # noqa: S608 - our own words
    " AND coalesce(j.error_msg, '') = :reason ORDER BY j.seq LIMIT :size"
)


@dataclass(frozen=True)
class Cause:
    """Why several deliveries to one provider were given up, and how many."""

    provider: str
    outcome: str | None
    reason: str
    jobs: int


def kinds() -> dict[str, list[str]]:
    """Return which kind of job needs which provider, as two lists."""
    return {"kinds": list(RULES), "providers": [rules.provider for rules in RULES.values()]}


def read_causes(session: Session) -> list[Cause]:
    """Return what several deliveries have in common, the most frequent first."""
    return [Cause(*row) for row in session.execute(GROUPS, kinds())]


@staff.post("/jobs/retry-all")
@needs(Role.DISPATCHER)
def retry_all() -> AnyResponse:
    """Send all deliveries again that were given up for one reason."""
    form = request.form
    cause = Cause(form.get("provider", ""), form.get("outcome") or None, form.get("reason", ""), 0)
    done = transaction.run(lambda session: retry_cause(session, cause))
    here = url_for("staff.list_jobs")
    if not done:
        return back_to(here, "Nothing was done: nothing is given up for this reason any more.", "bad")
    return back_to(
        here, f"{done} deliveries to {in_words(cause.provider)} will be tried again, the oldest first."
    )


def retry_cause(session: Session, cause: Cause) -> int:
    """Put them back into the queue and write down who did; answer how many."""
    values = {"provider": cause.provider, "outcome": cause.outcome, "reason": cause.reason, "size": AT_MOST}
    found: Sequence[uuid.UUID] = session.execute(FIND, kinds() | values).scalars().all()
    done = sum(outbox.retry(session, job_id) for job_id in found)
    if done:
        subject = f"jobs:{cause.provider}:{cause.outcome}"
        audit_trail.record(session, doer(), "jobs_retry", subject, reason=f"{done} jobs: {cause.reason}")
    return done
