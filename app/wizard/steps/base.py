"""What a step is: a form, an answer it keeps, and what its page shows."""

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from flask_babel import lazy_gettext
from sqlalchemy.orm import Session
from wtforms import Form
from wtforms.validators import StopValidation, ValidationError

from app.analytics.events import EventType
from app.booking.answers import Answers
from app.config import Settings
from app.web.words import gettext
from app.wizard.visit import Visit

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
LONGEST_SHOWN = 1000


@dataclass(frozen=True)
class Desk:
    """What a step works with: the open transaction, the visit, the settings, the client's address (hashed), the moment."""

    session: Session
    visit: Visit
    settings: Settings
    address: bytes
    now: datetime

    @property
    def lead(self) -> timedelta:
        """Return the shortest notice."""
        return timedelta(minutes=self.settings.booking_lead_minutes)


@dataclass(frozen=True)
class Saved:
    """New answers, and events that happened on the way."""

    answers: Answers
    events: tuple[EventType, ...] = ()


class Refused(Exception):
    """Values have the right shape and the wrong meaning."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        """Say for each field what to do next."""
        super().__init__(", ".join(errors))
        self.errors = errors


class OutOfArea(Exception):
    """The ZIP code exists and we do not serve it; `answers` remember which one it was."""

    def __init__(self, answers: Answers) -> None:
        """Keep what to store."""
        super().__init__("out of area")
        self.answers = answers


@dataclass(frozen=True)
class Posted:
    """What came in: the checked form and the ticked `clear` boxes."""

    form: Form
    clear: frozenset[str] = field(default_factory=frozenset)

    def __getitem__(self, name: str) -> Any:  # Any: each field has its own type
        return self.form.data[name]


class Step(ABC):
    """One question of the wizard."""

    name: ClassVar[str]
    form: ClassVar[type[Form]]
    shows: ClassVar[tuple[str, ...]] = ()
    locks: ClassVar[bool] = False

    @abstractmethod
    def is_answered(self, answers: Answers) -> bool:
        """Say whether nothing is open here."""

    @abstractmethod
    def save(self, desk: Desk, posted: Posted) -> Saved:
        """Return the answers with this step's added. Raise Refused, OutOfArea or SlotTaken."""

    def missing(self, answers: Answers, form: Form) -> dict[str, str]:  # noqa: ARG002 - a step with fields that may stay blank uses it
        """Return what to say of each field that is blank and was not given before either."""
        return {}

    def values(self, desk: Desk) -> dict[str, str]:
        """Return what the inputs show before anybody types."""
        answers = desk.visit.answers
        return {
            name: str(getattr(answers, name)) for name in self.shows if getattr(answers, name) is not None
        }

    def context(self, desk: Desk, *, reveal: bool) -> dict[str, Any]:  # noqa: ARG002 - steps that show contact data use it
        """Return what else the page shows; contact data in full only when `reveal` allows it."""
        return {}


def text_only(form: Form, entry: Any) -> None:  # noqa: ARG001 - WTForms' signature
    """Refuse control characters: they come from scripts and break what reads the text later."""
    if CONTROL.search(entry.data or ""):
        raise StopValidation(gettext("Please remove the special characters."))


def one_line(value: str | None) -> str | None:
    """Trim, and fold line breaks and tabs into spaces."""
    return re.sub(r"[\s\u00a0]+", " ", value).strip() if value else value


def trimmed(value: str | None) -> str | None:
    """Trim."""
    return value.strip() if value else value


def at_most(longest: int) -> Any:
    """Return a check of length whose message tells by how much."""

    def check(form: Form, entry: Any) -> None:  # noqa: ARG001 - WTForms' signature
        if len(entry.data or "") > longest:
            raise ValidationError(gettext("Please use at most %(n)s characters.", n=longest))

    return check


def one_of(allowed: Collection[str | None], message: Any) -> Any:
    """Return a check that the value is one of these."""

    def check(form: Form, entry: Any) -> None:  # noqa: ARG001 - WTForms' signature
        if entry.data not in allowed:
            raise ValidationError(message)

    return check


CHOOSE = lazy_gettext("Please choose one.")


def shown(value: str) -> str:
    """Return typed text as a page may show it again: without control characters, and not without end."""
    return CONTROL.sub("", value)[:LONGEST_SHOWN]
