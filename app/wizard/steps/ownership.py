"""Own or rent? A renter may go on; we ask whether the owner agrees."""

from dataclasses import replace
from typing import Any

from wtforms import Form, StringField

from app.booking.answers import Answers
from app.wizard.steps.base import CHOOSE, Desk, Posted, Saved, Step, one_of

PERMISSIONS = ("yes", "no", "unknown")


class OwnershipForm(Form):
    """Owner or renter; the owner's agreement only matters for a renter."""

    homeowner_status = StringField(validators=[one_of(("owner", "renter"), CHOOSE)])
    owner_permission = StringField(validators=[one_of((*PERMISSIONS, "", None), CHOOSE)])


class OwnershipStep(Step):
    """The fourth question."""

    name = "ownership"
    form = OwnershipForm
    shows = ("homeowner_status", "owner_permission")

    def is_answered(self, answers: Answers) -> bool:
        """Say whether it is known."""
        return answers.homeowner_status is not None

    def save(self, desk: Desk, posted: Posted) -> Saved:
        """Keep the status, and the owner's agreement of a renter."""
        status = posted["homeowner_status"]
        permission: Any = posted["owner_permission"] if status == "renter" else None
        return Saved(
            replace(desk.visit.answers, homeowner_status=status, owner_permission=permission or None)
        )
