"""A text that Twilio took."""

import uuid

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.factories import add_week
from tests.pages import PageClient, Walk
from tests.webhooks.sealed import SID


@pytest.fixture
def message(client: PageClient, session: Session) -> uuid.UUID:
    """A booking made by a visitor who wants texts; its first one was accepted."""
    add_week(session)
    Walk(client).start().to("done")
    row = session.execute(
        text(
            "UPDATE notifications SET external_id = :sid, status = 'sent', sent_at = now() WHERE type = 'sms' RETURNING id"
        ),
        {"sid": SID},
    )
    return row.scalar_one()
