"""After an erasure not one word of the person is left anywhere, and nobody else has lost one."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking import manage_links
from app.config import Settings
from app.maintenance.privacy import erasure_log
from app.maintenance.privacy.erasing import OpenBookingsError, StillAtWorkError, erase
from app.maintenance.privacy.person import Person
from app.notifications import ledger
from app.notifications.recipients import email_hash, phone_hash
from app.outbox import JobType
from app.staff.days import Span, today
from app.staff.reports import REPORTS
from app.staff.reports.base import Ask
from tests.factories import add_week
from tests.maintenance.canary import (
    CANARY,
    OTHER,
    book,
    contents,
    finish,
    hits,
    leave_traces,
    settings_tools,
)
from tests.pages import PageClient, Walk

WHO = Person(CANARY.email)
WRITTEN_OVER = {
    "analytics_events", "booking_status_history", "bookings", "customers", "inbound_texts", "leads", "notifications",
    "queue_jobs", "wizard_sessions",
}  # fmt: skip


@pytest.fixture
def booking_id(session: Session, settings: Settings) -> uuid.UUID:
    """A cancelled booking of the canary, with traces everywhere, beside somebody else's open one."""
    other = book(session, settings, OTHER, hour=10)
    leave_traces(session, settings, OTHER, other)
    mine = book(session, settings, CANARY)
    finish(session, settings, mine)
    leave_traces(session, settings, CANARY, mine)
    return mine


def parent(table: str) -> str:
    return "bookings" if table.startswith("bookings_2") else table.split("_2", maxsplit=1)[0]


def test_not_one_word_is_left_in_any_column_of_any_table(
    session: Session, settings: Settings, booking_id: uuid.UUID
) -> None:
    before = hits(session, CANARY)
    assert {parent(table) for table, _column, _number in before} == WRITTEN_OVER
    erase(session, WHO, settings_tools(settings))
    assert hits(session, CANARY) == []
    assert hits(session, OTHER)
    assert booking_id


def test_other_peoples_rows_are_untouched(
    session: Session, settings: Settings, booking_id: uuid.UUID
) -> None:
    def of_others() -> dict[str, list[str]]:
        return {
            table: [
                row
                for row in rows
                if any(word in row for word in (OTHER.email, OTHER.phone, OTHER.click, OTHER.note))
            ]
            for table, rows in contents(session).items()
        }

    before = of_others()
    assert sum(map(len, before.values())) > 8
    erase(session, WHO, settings_tools(settings))
    assert of_others() == before
    assert booking_id


def test_a_second_time_changes_nothing(session: Session, settings: Settings, booking_id: uuid.UUID) -> None:
    tools = settings_tools(settings)
    erasure_log.add(session, erase(session, WHO, tools), "cli")
    before = contents(session)
    again = erase(session, WHO, tools)
    erasure_log.add(session, again, "cli")
    assert again.is_nothing
    assert contents(session) == before
    assert booking_id


def test_reports_and_counts_are_unchanged(
    session: Session, settings: Settings, booking_id: uuid.UUID
) -> None:
    session.execute(text("UPDATE notifications SET status = 'failed' WHERE status = 'pending'"))
    session.execute(
        text("UPDATE queue_jobs SET status = 'failed' WHERE status = 'pending' AND booking_id = :id"),
        {"id": booking_id},
    )

    span = Span(today() - timedelta(days=1), today() + timedelta(days=1), settings.report_timezone)

    def reported() -> dict[str, object]:
        return {
            report.name: [
                row for row in report.rows(session, Ask(span, {})) if row[0] != JobType.ERASE_PROFILE
            ]
            for report in REPORTS
        }

    def counted() -> dict[str, int]:
        return {table: len(rows) for table, rows in contents(session).items()}

    reports, counts = reported(), counted()
    assert any(reports.values())
    erase(session, WHO, settings_tools(settings))
    assert reported() == reports
    after = counted()
    assert {table for table in after if after[table] != counts[table]} == {
        "consents",
        "queue_jobs",
    }  # the stop; the deletion there


def test_a_visit_to_come_keeps_us_from_erasing(session: Session, settings: Settings) -> None:
    booking_id = book(session, settings, CANARY)
    before = contents(session)
    with pytest.raises(OpenBookingsError) as caught:
        erase(session, WHO, settings_tools(settings))
    assert [found for found, _reference in caught.value.bookings] == [booking_id]
    assert contents(session) == before


def test_a_job_in_a_workers_hands_keeps_us_from_erasing(
    session: Session, settings: Settings, booking_id: uuid.UUID
) -> None:
    session.execute(
        text(
            "UPDATE queue_jobs SET status = 'processing', lease_token = gen_random_uuid() WHERE booking_id = :id"
            " AND job_type = 'klaviyo.send_event'"
        ),
        {"id": booking_id},
    )
    with pytest.raises(StillAtWorkError):
        erase(session, WHO, settings_tools(settings))


def test_the_visit_there_is_still_called_off_and_nothing_else_is_sent(
    session: Session, settings: Settings, booking_id: uuid.UUID
) -> None:
    erase(session, WHO, settings_tools(settings))
    open_jobs = session.execute(
        text("SELECT job_type FROM queue_jobs WHERE booking_id = :id AND status = 'pending' ORDER BY seq"),
        {"id": booking_id},
    ).scalars()
    assert list(open_jobs) == ["servicetitan.create_job", "servicetitan.cancel_job"]
    waiting = session.execute(
        text("SELECT count(*) FROM notifications WHERE booking_id = :id AND status = 'pending'"),
        {"id": booking_id},
    ).scalar_one()
    assert waiting == 0
    (deletion,) = session.execute(
        text("SELECT payload FROM queue_jobs WHERE job_type = 'klaviyo.erase_profile'")
    ).scalars()
    assert set(deletion) == {"customer_id"}


def test_links_end_and_the_person_is_never_written_to_again(
    session: Session, settings: Settings, booking_id: uuid.UUID
) -> None:
    key = settings.privacy_hash_key
    erase(session, WHO, settings_tools(settings))
    assert ledger.is_opted_out(session, phone_hash(CANARY.phone, key))
    assert not ledger.is_opted_out(session, phone_hash(OTHER.phone, key))
    assert not ledger.has_fresh_email_opt_in(session, booking_id, email_hash(CANARY.email, key))
    alive = session.execute(
        text("SELECT count(*) FROM manage_links WHERE booking_id = :id AND revoked_at IS NULL"),
        {"id": booking_id},
    ).scalar_one()
    assert alive == 0


def test_the_proof_of_a_consent_survives(session: Session, settings: Settings, booking_id: uuid.UUID) -> None:
    proof = text(
        "SELECT text_version, created_at FROM consents WHERE phone_hash = :hash AND action = 'opt_in'"
    )
    values = {"hash": phone_hash(CANARY.phone, settings.privacy_hash_key)}
    before = session.execute(proof, values).all()
    erase(session, WHO, settings_tools(settings))
    assert len(before) == 1
    assert session.execute(proof, values).all() == before
    assert booking_id


def test_a_number_that_is_somebody_elses_too_goes_on_working(
    session: Session, settings: Settings, booking_id: uuid.UUID
) -> None:
    session.execute(
        text("UPDATE customers SET phone = :phone WHERE email = :email"),
        {"phone": CANARY.phone, "email": OTHER.email},
    )
    erased = erase(session, WHO, settings_tools(settings))
    assert erased.shared_numbers == 1
    assert not ledger.is_opted_out(session, phone_hash(CANARY.phone, settings.privacy_hash_key))
    assert booking_id


def test_the_office_is_asked_to_follow_in_servicetitan(
    session: Session, settings: Settings, booking_id: uuid.UUID
) -> None:
    session.execute(
        text("UPDATE bookings SET servicetitan_job_id = '9001' WHERE id = :id"), {"id": booking_id}
    )
    erased = erase(session, WHO, settings_tools(settings))
    assert erased.field_service_customers == ("4711",)
    flag = session.execute(
        text("SELECT needs_attention FROM bookings WHERE id = :id"), {"id": booking_id}
    ).scalar_one()
    assert flag == "Erase this person in ServiceTitan too: customer 4711"


def test_whoever_comes_back_is_somebody_new(
    session: Session, settings: Settings, booking_id: uuid.UUID
) -> None:
    erase(session, WHO, settings_tools(settings))
    again = book(session, settings, CANARY, hour=14)
    ids = session.execute(
        text("SELECT id, customer_id FROM bookings WHERE id = ANY(:ids)"), {"ids": [booking_id, again]}
    )
    assert len({row.customer_id for row in ids}) == 2
    name = session.execute(
        text("SELECT first_name FROM customers WHERE email = :email"), {"email": CANARY.email}
    )
    assert name.scalar_one() == CANARY.first_name


def test_the_persons_own_pages_end_and_show_nothing(
    client: PageClient, session: Session, settings: Settings, booking_id: uuid.UUID
) -> None:
    token = manage_links.add(session, booking_id, settings.privacy_hash_key)
    session.commit()
    assert client.get(f"/manage/{token}").status_code == 200
    erase(session, WHO, settings_tools(settings))
    session.commit()
    page = client.get(f"/manage/{token}")
    assert page.status_code == 410
    assert [word for word in CANARY.words if word in page.text] == []


def test_a_visit_under_way_starts_over_and_books_nothing(
    client: PageClient, session: Session, settings: Settings
) -> None:
    add_week(session)
    walk = Walk(client).start().to("review")
    erase(session, Person("ana@example.com"), settings_tools(settings))
    session.commit()
    answer = walk.submit()
    assert answer.status_code == 410
    assert "ana@example.com" not in answer.text
    assert session.execute(text("SELECT count(*) FROM bookings")).scalar_one() == 0


def test_the_done_page_of_somebody_erased_names_nobody(
    client: PageClient, session: Session, settings: Settings
) -> None:
    add_week(session)
    walk = Walk(client).start().to("done")
    finish(session, settings, session.execute(text("SELECT id FROM bookings")).scalar_one())
    erase(session, Person("ana@example.com"), settings_tools(settings))
    session.commit()
    page = walk.get("done")
    assert page.status_code == 200
    assert "ana@example.com" not in page.text
    assert 'data-status="cancelled"' in page.text
