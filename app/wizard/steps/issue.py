"""What's going on with the door? We record what is seen."""

from dataclasses import replace
from typing import Any

from wtforms import Form, StringField, TextAreaField

from app.booking.answers import Answers
from app.booking.issues import BY_CODE, COMMON, OTHERS, Issue
from app.web.words import gettext
from app.wizard.steps.base import CHOOSE, Desk, Posted, Saved, Step, at_most, one_line, one_of, text_only


class IssueForm(Form):
    """One code, and words of one's own."""

    issue_type = StringField(validators=[one_of(tuple(BY_CODE), CHOOSE)])
    issue_note = TextAreaField(filters=[one_line], validators=[text_only, at_most(200)])


class IssueStep(Step):
    """The second question."""

    name = "issue"
    form = IssueForm
    shows = ("issue_type", "issue_note")

    def is_answered(self, answers: Answers) -> bool:
        """Say whether an issue is chosen."""
        return answers.issue_type is not None

    def save(self, desk: Desk, posted: Posted) -> Saved:
        """Keep the issue and the note; an emptied note is gone."""
        return Saved(
            replace(
                desk.visit.answers, issue_type=posted["issue_type"], issue_note=posted["issue_note"] or None
            )
        )

    def context(self, desk: Desk, *, reveal: bool) -> dict[str, Any]:  # noqa: ARG002
        """Show the common issues first, the rest behind «Something else»."""
        return {"cards": [card(issue) for issue in COMMON], "more_cards": [card(issue) for issue in OTHERS]}


def card(issue: Issue) -> dict[str, Any]:
    """Return an issue as the page shows it."""
    return {
        "code": issue.code,
        "title": gettext(issue.title),
        "hint": gettext(issue.hint),
        "emergency": issue.emergency,
    }
