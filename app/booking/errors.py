"""Refusals the business expects; each says what happened."""

import uuid


class BookingError(Exception):
    """An expected refusal."""


class SlotTaken(BookingError):
    """The window was sold, held by another visit, closed, or is too soon by now."""

    def __init__(self, slot_id: uuid.UUID | None = None) -> None:
        """Remember which window it was."""
        super().__init__("the window is no longer free")
        self.slot_id = slot_id


class SlotElsewhere(BookingError):
    """The window belongs to another service area."""


class NotMovable(BookingError):
    """The visit has begun, is over or was cancelled: it keeps its window."""


class NotBookable(BookingError):
    """Answers are missing; `step` is the first one that is still open."""

    def __init__(self, step: str) -> None:
        """Remember where the visitor has to go."""
        super().__init__(f"{step} is not answered")
        self.step = step
