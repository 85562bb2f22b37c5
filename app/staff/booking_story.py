"""Everything known of one booking: what was asked for, what happened to it, and what left the house because of it."""

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session, joinedload

from app.booking import partners
from app.models import Booking, BookingStatusHistory, InboundText, Notification, Partner, QueueJob
from app.staff.audit_trail import staff_actor
from app.staff.formats import in_words

STAFF_NAMES = text("SELECT id, name FROM staff WHERE id = ANY(:ids)")


@dataclass(frozen=True)
class Story:
    """One booking with everything around it."""

    booking: Booking
    partner: Partner | None
    history: list[BookingStatusHistory]
    notifications: list[Notification]
    jobs: list[QueueJob]
    texts: list[InboundText]
    names: dict[str, str]

    @property
    def is_open(self) -> bool:
        """Say whether it can still be cancelled."""
        return self.booking.status in {"pending", "confirmed"}

    @property
    def touches(self) -> list[tuple[str, dict[str, Any]]]:  # Any: stored JSON, shown as it is
        """Return the first and the last touch that are known."""
        kept = self.booking.attribution
        return [(name, kept[name]) for name in ("first", "last") if kept.get(name)]

    def actor_words(self, actor: str) -> str:
        """Return who did something, by name where it was staff."""
        return self.names.get(actor) or in_words(actor)


def find(session: Session, reference: str) -> Story | None:
    """Return the story of a reference, or nothing."""
    booking = session.scalar(
        select(Booking)
        .where(Booking.reference == reference)
        .options(joinedload(Booking.area), joinedload(Booking.customer))
    )
    if booking is None:
        return None
    history = list(
        session.scalars(
            select(BookingStatusHistory)
            .where(BookingStatusHistory.booking_id == booking.id)
            .order_by(BookingStatusHistory.at, BookingStatusHistory.id)
        )
    )
    messages = select(Notification).where(Notification.booking_id == booking.id).order_by(Notification.id)
    jobs = select(QueueJob).where(QueueJob.booking_id == booking.id).order_by(QueueJob.seq)
    texts = select(InboundText).where(InboundText.booking_id == booking.id).order_by(InboundText.id)
    return Story(
        booking=booking,
        partner=partners.find(session, booking.partner_id),
        history=history,
        notifications=list(session.scalars(messages)),
        jobs=list(session.scalars(jobs)),
        texts=list(session.scalars(texts)),
        names=staff_names(session, {edge.actor for edge in history}),
    )


def staff_names(session: Session, actors: set[str]) -> dict[str, str]:
    """Return the names behind `staff:<id>` actors."""
    ids = []
    for actor in actors:
        kind, _, number = actor.partition(":")
        if kind == "staff":
            try:
                ids.append(uuid.UUID(number))
            except ValueError:
                continue
    return {staff_actor(row.id): row.name for row in session.execute(STAFF_NAMES, {"ids": ids})}
