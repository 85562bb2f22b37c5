"""Leads: people who wanted us and have no booking, until somebody called them back."""

import uuid
from typing import Any

from flask import Response, abort, request, url_for
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app.extensions import db
from app.models.staff import Role
from app.staff import audit_trail
from app.staff.bookings import read_id
from app.staff.jobs import safe_return
from app.staff.pages import back_to, doer, me, needs, page, staff
from app.web import transaction

PAGE_SIZE = 50
STATUSES = ("open", "contacted", "closed")
KINDS = ("callback", "no_slot", "out_of_area", "abandoned", "earlier_slot")
QUERY = text(
    "SELECT l.*, s.name AS handler FROM leads l LEFT JOIN staff s ON s.id = l.handled_by"
    " WHERE l.status = :status AND (CAST(:kind AS text) IS NULL OR l.kind = :kind)"
    " AND (l.phone IS NOT NULL OR l.email IS NOT NULL) AND (CAST(:before AS uuid) IS NULL OR l.id < :before)"
    " ORDER BY l.id DESC LIMIT :size"
)
COUNTS = text(
    "SELECT status, count(*) FROM leads WHERE phone IS NOT NULL OR email IS NOT NULL GROUP BY status"
)
DEMAND = text(
    "SELECT zip_code, count(*) AS visits, count(*) FILTER (WHERE kind = 'out_of_area') AS out_of_area,"
    " count(*) FILTER (WHERE kind = 'no_slot') AS no_slot, max(created_at) AS last_at"
    " FROM leads WHERE created_at > now() - interval '30 days' AND zip_code IS NOT NULL"
    " AND kind IN ('out_of_area', 'no_slot') GROUP BY zip_code ORDER BY visits DESC, zip_code LIMIT 20"
)
HANDLE = text(
    "UPDATE leads SET status = :status, handled_by = :staff, updated_at = now() WHERE id = :id AND status <> :status RETURNING id"
)


@staff.get("/leads")
def list_leads() -> Response:
    """Show leads that left a way to reach them, and where demand goes unmet."""
    status = request.args.get("status", "open")
    status = status if status in STATUSES else "open"
    kind = request.args.get("kind") if request.args.get("kind") in KINDS else None
    session = db.session()
    rows = read_leads(session, status, kind, read_id(request.args.get("before")))
    counts = {row.status: row.count for row in session.execute(COUNTS)}
    return page(
        "leads",
        leads=rows[:PAGE_SIZE],
        before=rows[PAGE_SIZE - 1].id if len(rows) > PAGE_SIZE else None,
        shown=status,
        kind=kind,
        kinds=KINDS,
        tabs=[(name, counts.get(name, 0)) for name in STATUSES],
        demand=list(session.execute(DEMAND)),
    )


@staff.post("/leads/<uuid:lead_id>")
@needs(Role.DISPATCHER)
def handle_lead(lead_id: uuid.UUID) -> AnyResponse:
    """Move a lead on: contacted, closed, or open again."""
    status = request.form.get("status", "")
    if status not in STATUSES:
        abort(422)

    def work(session: Session) -> bool:
        done = (
            session.execute(HANDLE, {"id": lead_id, "status": status, "staff": me().id}).one_or_none()
            is not None
        )
        if done:
            audit_trail.record(session, doer(), f"lead_{status}", f"lead:{lead_id}")
        return done

    here = safe_return(request.form.get("back", "")) or url_for("staff.list_leads")
    if not transaction.run(work):
        return back_to(here, f"Nothing was changed: this lead is {status} already or gone.", "bad")
    return back_to(here, f"The lead is {status} now.")


def read_leads(
    session: Session, status: str, kind: str | None, before: uuid.UUID | None
) -> list[Any]:  # Any: rows
    """Return one page and one row more, the newest first."""
    return list(
        session.execute(QUERY, {"status": status, "kind": kind, "before": before, "size": PAGE_SIZE + 1})
    )
