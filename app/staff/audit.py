"""The audit log, for admins: who did what and when."""

from flask import Response, request
from sqlalchemy import text

from app.extensions import db
from app.models.staff import Role
from app.staff.booking_story import staff_names
from app.staff.bookings import read_id
from app.staff.pages import needs, page, staff

PAGE_SIZE = 100
QUERY = text(
    "SELECT id, at, actor, action, object, reason, request_id, host(ip_truncated) AS ip FROM audit_log"
    " WHERE (CAST(:before AS uuid) IS NULL OR id < :before) ORDER BY id DESC LIMIT :size"
)


@staff.get("/audit")
@needs(Role.ADMIN)
def list_audit() -> Response:
    """Show a page of the log, the newest first."""
    session = db.session()
    rows = list(
        session.execute(QUERY, {"before": read_id(request.args.get("before")), "size": PAGE_SIZE + 1})
    )
    names = staff_names(session, {row.actor for row in rows} | {row.object for row in rows})
    names["cli"] = "Operator"
    more = len(rows) > PAGE_SIZE
    return page("audit", lines=rows[:PAGE_SIZE], names=names, before=rows[PAGE_SIZE - 1].id if more else None)
