"""Where's the garage? Served, not served, PO box and no such ZIP code are four different answers."""

import re

from flask_babel import lazy_gettext
from wtforms import Form, StringField
from wtforms.validators import Regexp

from app.booking import areas
from app.booking.answers import Answers
from app.booking.areas import Coverage
from app.web.words import gettext
from app.wizard.steps.base import Desk, OutOfArea, Posted, Refused, Saved, Step, text_only, trimmed

PLUS_FOUR = re.compile(r"(\d{5})[- ]?\d{4}", re.ASCII)


def five_digits(value: str | None) -> str | None:
    """Cut a pasted ZIP+4 to its first five digits."""
    match = PLUS_FOUR.fullmatch(value or "")
    return match[1] if match else value


class ZipForm(Form):
    """Five digits."""

    zip_code = StringField(
        filters=[trimmed, five_digits],
        validators=[
            text_only,
            Regexp(
                re.compile(r"\d{5}\Z", re.ASCII),
                message=lazy_gettext("Enter a 5-digit ZIP code, like 85004."),
            ),
        ],
    )


class ZipStep(Step):
    """The first question: do we come there at all?"""

    name = "zip"
    form = ZipForm
    shows = ("zip_code",)

    def is_answered(self, answers: Answers) -> bool:
        """Say whether a served area is known."""
        return answers.area_id is not None

    def save(self, desk: Desk, posted: Posted) -> Saved:
        """Place the visit in its service area."""
        zip_code = posted["zip_code"]
        found = areas.look_up(desk.session, zip_code)
        if found.area is not None:
            return Saved(desk.visit.answers.with_area(found.area))
        if found.coverage is Coverage.UNKNOWN:
            unknown = gettext("We can't find ZIP code %(zip)s. Please check the numbers.", zip=zip_code)
            raise Refused({"zip_code": unknown})
        if found.coverage is Coverage.PO_BOX:
            boxes = gettext(
                "%(zip)s has only PO boxes. Enter the ZIP code of the street address with the garage.",
                zip=zip_code,
            )
            raise Refused({"zip_code": boxes})
        raise OutOfArea(desk.visit.answers.outside(zip_code))
