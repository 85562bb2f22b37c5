"""Mail scanners open every link in every message, again and again: nothing may change by that."""

import uuid
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.jobs import lease, messages
from app.jobs.messages import Envelope
from app.jobs.process import Process
from app.notifications.messages import LOCALES, Facts, Wording, email_text, sms_text
from app.outbox import JobType
from tests.jobs.booked import book, cancel, job_of
from tests.notifications.links import links_of

OPENED = 100
KEPT = ("bookings", "time_slots", "slot_capacity", "customers", "consents", "leads", "notifications", "queue_jobs", "manage_links",
        "booking_submissions", "booking_status_history", "audit_log", "inbound_texts", "wizard_sessions")  # fmt: skip


def contents(process: Process) -> dict[str, str]:
    """Return a fingerprint of every table that a link could change."""

    def read(session: Session) -> dict[str, str]:
        sql = "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {} t"
        return {name: session.execute(text(sql.format(name))).scalar_one() for name in KEPT}

    return process.transact(read)


def facts_of(process: Process, booking_id: uuid.UUID) -> Facts:
    """Return what a message of this booking tells."""
    job = lease.job_of(job_of(process, booking_id, JobType.SEND_EMAIL))
    envelope = process.transact(lambda session: messages.read(session, process, job))
    assert isinstance(envelope, Envelope)
    return envelope.facts


def links_in_all_messages(facts: Facts) -> set[str]:
    """Word every message in both languages, as it would leave, and return the links."""
    found: set[str] = set()
    for locale in LOCALES:
        for wording in Wording:
            ours = replace(facts, locale=locale, is_first_text=True)
            email = email_text(wording, ours)
            found.update(links_of(f"{sms_text(wording, ours)}\n{email.subject}\n{email.body}"))
    return found


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_opening_every_link_in_every_message_changes_nothing(
    process: Process, app: Flask, is_cancelled: bool
) -> None:
    booking_id = book(process)
    if is_cancelled:
        cancel(process, booking_id)
    links = links_in_all_messages(facts_of(process, booking_id))
    assert {urlsplit(link).path.split("/")[1] for link in links} == {"manage"}
    before, client = contents(process), app.test_client()
    for link in links:
        for _ in range(OPENED):
            assert client.get(urlsplit(link)._replace(scheme="", netloc="").geturl()).status_code in {
                200,
                409,
            }
    assert contents(process) == before
