"""A callback of ServiceTitan makes us look, once; a stranger's makes us do nothing."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.outbox import JobType
from app.providers.servicetitan_signature import digests, is_genuine
from tests.pages import PageClient

KEY = "0123456789abcdef0123456789abcdef"
BODY = b'{"eventId":"e1"}'
IN_HEX = "b0da8f8574df76a785a19d798f37936472d2e99c25fc07bc11a6e68821f2129b"
IN_BASE64 = "sNqPhXTfdqeFoZ15jzeTZHLS6Zwl/Ae8EabmiCHyEps="
POLLS = text(
    "SELECT status, scheduled_at <= now() + interval '2 seconds' AS is_due FROM queue_jobs WHERE job_type = :type"
)


@pytest.fixture(autouse=True)
def with_key(app: Flask) -> Iterator[None]:
    """Let ServiceTitan sign its callbacks."""
    before = app.extensions["a1_settings"]
    app.extensions["a1_settings"] = replace(before, st_webhook_hmac_key=KEY)
    yield
    app.extensions["a1_settings"] = before


def send(client: PageClient, body: bytes = BODY, seal: str | None = None) -> int:
    headers = {"x-servicetitan-signature": digests(KEY, body)[0] if seal is None else seal}
    return client.post("/webhooks/servicetitan", data=body, headers=headers).status_code


def polls(session: Session) -> list[tuple[str, bool]]:
    return [tuple(row) for row in session.execute(POLLS, {"type": JobType.POLL_FEEDS})]


def kept(session: Session) -> list[str]:
    return list(
        session.execute(
            text("SELECT event_id FROM provider_events WHERE provider = 'servicetitan'")
        ).scalars()
    )


def test_the_seal_is_accepted_in_both_spellings() -> None:
    assert digests(KEY, BODY) == (IN_HEX, IN_BASE64)
    assert is_genuine(KEY, BODY, IN_HEX)
    assert is_genuine(KEY, BODY, f" {IN_BASE64}\n")
    assert not is_genuine(KEY, BODY + b" ", IN_HEX)
    assert not is_genuine(KEY, BODY, "")
    assert not is_genuine(KEY, BODY, "schön")


@pytest.mark.parametrize("seal", [IN_HEX, IN_BASE64])
def test_a_callback_makes_the_feeds_due_within_seconds(
    client: PageClient, session: Session, seal: str
) -> None:
    assert send(client, seal=seal) == 200
    assert kept(session) == ["e1"]
    assert polls(session) == [("pending", True)]


def test_a_repeated_callback_asks_once(client: PageClient, session: Session) -> None:
    assert send(client) == 200
    session.execute(text("UPDATE queue_jobs SET scheduled_at = now() + interval '2 minutes'"))
    assert send(client) == 200
    assert polls(session) == [("pending", False)]
    session.execute(text("UPDATE queue_jobs SET status = 'completed'"))
    assert send(client) == 200
    assert polls(session) == [("completed", False)]


def test_a_burst_of_callbacks_is_one_round(client: PageClient, session: Session) -> None:
    for number in range(20):
        assert send(client, b'{"eventId":"e%d"}' % number) == 200
    assert len(kept(session)) == 20
    assert polls(session) == [("pending", True)]


def test_a_round_at_work_may_have_read_past_it(client: PageClient, session: Session) -> None:
    send(client)
    at_work = "UPDATE queue_jobs SET status = 'processing', lease_token = gen_random_uuid()"
    session.execute(text(at_work))
    send(client, b'{"eventId":"e2"}')
    assert sorted(polls(session)) == [("pending", True), ("processing", True)]


def test_a_round_that_waits_is_hurried_but_not_one_that_was_sent_away(
    client: PageClient, session: Session
) -> None:
    send(client)
    session.execute(text("UPDATE queue_jobs SET scheduled_at = now() + interval '2 minutes'"))
    send(client, b'{"eventId":"e2"}')
    assert polls(session) == [("pending", True)]
    session.execute(text("UPDATE queue_jobs SET scheduled_at = now() + interval '2 minutes', attempts = 1"))
    send(client, b'{"eventId":"e3"}')
    assert polls(session) == [("pending", False)]


def test_without_an_id_of_its_own_a_callback_is_named_by_what_it_says(
    client: PageClient, session: Session
) -> None:
    for body in (b"no json", b'{"eventId": 7}', b"[]", b"no json"):
        assert send(client, body) == 200
    assert len(kept(session)) == 3
    assert all(len(name) == 64 for name in kept(session))


@pytest.mark.parametrize("seal", ["", "0" * 64, IN_HEX.upper(), digests("f" * 32, BODY)[0]])
def test_a_forged_callback_is_403_and_changes_nothing(
    client: PageClient, session: Session, seal: str
) -> None:
    assert send(client, seal=seal) == 403
    assert kept(session) == []
    assert polls(session) == []


def test_without_a_key_every_callback_is_a_stranger(client: PageClient, session: Session, app: Flask) -> None:
    app.extensions["a1_settings"] = replace(app.extensions["a1_settings"], st_webhook_hmac_key="")
    assert send(client, seal=digests("", BODY)[0]) == 403
    assert polls(session) == []


def test_the_header_has_the_name_that_is_set(client: PageClient, session: Session, app: Flask) -> None:
    app.extensions["a1_settings"] = replace(app.extensions["a1_settings"], st_webhook_header="x-other")
    assert send(client) == 403
    assert client.post("/webhooks/servicetitan", data=BODY, headers={"x-other": IN_HEX}).status_code == 200
