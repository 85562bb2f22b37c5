"""How many doors, and about how old: so the truck brings the right parts."""

from dataclasses import replace

from flask_babel import lazy_gettext
from wtforms import Form, StringField

from app.booking.answers import DOOR_AGES, Answers
from app.wizard.steps.base import CHOOSE, Desk, Posted, Saved, Step, one_of, trimmed

COUNTS = tuple(str(number) for number in range(1, 51))


class DoorsForm(Form):
    """A number from 1 to 50 and an age band."""

    door_count = StringField(
        filters=[trimmed], validators=[one_of(COUNTS, lazy_gettext("Please choose how many doors, 1 to 50."))]
    )
    door_age = StringField(filters=[trimmed], validators=[one_of(DOOR_AGES, CHOOSE)])


class DoorsStep(Step):
    """The third question."""

    name = "doors"
    form = DoorsForm
    shows = ("door_count", "door_age")

    def is_answered(self, answers: Answers) -> bool:
        """Say whether both are known."""
        return answers.door_count is not None and answers.door_age is not None

    def save(self, desk: Desk, posted: Posted) -> Saved:
        """Keep both."""
        return Saved(
            replace(desk.visit.answers, door_count=int(posted["door_count"]), door_age=posted["door_age"])
        )
