"""When should we come? Continue holds the window; what is open is only what this visit could really get."""

import uuid
from dataclasses import replace
from typing import Any

from flask_babel import lazy_gettext
from wtforms import Form, StringField
from wtforms.validators import ValidationError

from app.analytics.events import EventType
from app.booking import slots
from app.booking.answers import Answers
from app.booking.errors import SlotElsewhere
from app.booking.slots import HoldRequest, HoldResult
from app.web.window_picker import Picker, picker_context
from app.web.words import gettext
from app.wizard.steps.base import Desk, Posted, Refused, Saved, Step

CHOOSE_WINDOW = lazy_gettext("Please choose an arrival window.")


def slot_id(form: Form, entry: Any) -> None:  # noqa: ARG001 - WTForms' signature
    """Refuse what is no id."""
    try:
        uuid.UUID(entry.data or "")
    except ValueError:
        raise ValidationError(CHOOSE_WINDOW) from None


class SlotForm(Form):
    """The id of a window."""

    slot_id = StringField(validators=[slot_id])


class SlotStep(Step):
    """The fifth question. Its POST locks the visit's row, because it may hold a window."""

    name = "slot"
    form = SlotForm
    shows = ("slot_id",)
    locks = True

    def is_answered(self, answers: Answers) -> bool:
        """Say whether a window is chosen."""
        return answers.slot_id is not None

    def save(self, desk: Desk, posted: Posted) -> Saved:
        """Hold the window. Raise SlotTaken when it is gone."""
        chosen = uuid.UUID(posted["slot_id"])
        answers = desk.visit.answers
        wanted = HoldRequest(
            slot_id=chosen,
            area_id=uuid.UUID(answers.area_id),
            visit_id=desk.visit.id,
            address=desk.address,
            seconds=desk.settings.hold_seconds,
            lead=desk.lead,
        )
        try:
            result, window = slots.hold(desk.session, wanted)
        except SlotElsewhere:
            elsewhere = gettext("That window belongs to another area. Please choose one below.")
            raise Refused({"slot_id": elsewhere}) from None
        kept = replace(
            answers,
            slot_id=str(chosen),
            starts_at=window.starts_at.isoformat(),
            ends_at=window.ends_at.isoformat(),
        )
        return Saved(kept, (EventType.SLOT_HELD,) if result is HoldResult.HELD else ())

    def context(self, desk: Desk, *, reveal: bool) -> dict[str, Any]:  # noqa: ARG002
        """Show every window this visit can get, by day and part of day, soonest first."""
        answers = desk.visit.answers
        zone = answers.timezone or desk.settings.report_timezone
        found = slots.open_slots(desk.session, uuid.UUID(answers.area_id), desk.visit.id, desk.lead, desk.now)
        here = f"/w/{desk.visit.token}"
        picker = Picker(zone, desk.now, f"{here}/slot", chosen=answers.slot_id)
        return picker_context(found, picker) | {"callback_url": f"{here}/callback"}
