"""Erasing a person with all that belongs to it here: hashes of recipients, and visits to come called off the usual way."""

import uuid
from functools import partial

from sqlalchemy.orm import Session

from app.booking import changes
from app.maintenance.privacy.person import Tools
from app.notifications.recipients import email_hash, phone_hash

REASON = "Personal data erased"


def tools(privacy_key: str, actor: str) -> Tools:
    """Return what an erasure needs of this layer and the one below, in somebody's name."""

    def cancel(session: Session, booking_id: uuid.UUID) -> bool:
        return changes.cancel(session, booking_id, actor=actor, reason=REASON, privacy_key=privacy_key)

    return Tools(
        email_hash=partial(email_hash, key=privacy_key),
        phone_hash=partial(phone_hash, key=privacy_key),
        cancel=cancel,
        actor=actor,
    )
