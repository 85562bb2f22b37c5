"""What is booked so far, for the column beside the question: never contact data."""

from app.booking.answers import Answers, moment
from app.booking.issues import BY_CODE
from app.web.formats import moment_label
from app.web.words import gettext


def summary(answers: Answers) -> list[dict[str, str]]:
    """Return label and value of each answer that is given and not personal."""
    issue = BY_CODE.get(answers.issue_type or "")
    lines = {
        gettext("Area"): f"{answers.city}, {answers.state} {answers.zip_code}" if answers.area_id else None,
        gettext("Issue"): gettext(issue.title) if issue else None,
        gettext("Doors"): str(answers.door_count) if answers.door_count else None,
        gettext("Arrival window"): moment_label(
            moment(answers.starts_at), moment(answers.ends_at), answers.timezone or "UTC"
        )
        if answers.starts_at and answers.ends_at
        else None,
    }
    return [{"label": label, "value": value} for label, value in lines.items() if value]
