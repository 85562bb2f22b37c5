"""What the last look at the invariants found: what must be true, and the bookings where it is not."""

from datetime import timedelta

from flask import Response
from sqlalchemy.orm import Session

from app import clock
from app.extensions import db
from app.maintenance.integrity import looking
from app.maintenance.integrity.checks import CHECKS
from app.staff.formats import ago
from app.staff.operations_check import Check
from app.staff.pages import page, staff

TOO_OLD = timedelta(hours=48)


@staff.get("/integrity")
def show_integrity() -> Response:
    """Show every invariant, and of the broken ones what to look at."""
    found = looking.last(db.session())
    broken = {one.check.name: one for one in found.broken} if found else {}
    return page(
        "integrity",
        found=found,
        lines=sorted(((check, broken.get(check.name)) for check in CHECKS), key=lambda line: line[1] is None),
    )


def check_integrity(session: Session) -> Check:
    """Say in a sentence what the last look found."""
    found = looking.last(session)
    if found is None:
        return Check("Invariants", None, "have not been looked at yet", "staff.show_integrity")
    is_fresh = clock.now() - found.at < TOO_OLD
    says = f"{looking.summary(found.broken, found.asked)}; looked at {ago(found.at)}"
    return Check("Invariants", found.holds and is_fresh, says, "staff.show_integrity")
