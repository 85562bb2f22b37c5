"""The log of erasures: hashes alone, safe on the disk before the commit, and a restored backup that forgets again."""

import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from app import clock
from app.config import Settings
from app.maintenance.privacy import erasure_log
from app.maintenance.privacy.erasure_log import FILE, Entry
from app.notifications import ledger
from app.notifications.recipients import email_hash, phone_hash
from tests.maintenance.canary import CANARY, OTHER, book, contents, finish, hits, leave_traces, settings_tools

LATER = timedelta(hours=1)


def entry(settings: Settings, *, at: timedelta = LATER) -> Entry:
    """What the log says of the canary, who was erased after the backup that was restored."""
    key = settings.privacy_hash_key
    return Entry(
        uuid.uuid4(), email_hash(CANARY.email, key), (phone_hash(CANARY.phone, key),), clock.now() + at, "cli"
    )


def test_a_restored_backup_forgets_again_and_a_second_time_changes_nothing(
    session: Session, settings: Settings
) -> None:
    tools, known = settings_tools(settings), entry(settings)
    mine, other = book(session, settings, CANARY), book(session, settings, OTHER, hour=10)
    leave_traces(session, settings, CANARY, mine)
    leave_traces(session, settings, OTHER, other)
    rows = erasure_log.reapply(session, [known], tools)
    assert rows["bookings"] == rows["customers"] == 1
    assert hits(session, CANARY) == []
    assert (
        session.execute(text("SELECT status FROM bookings WHERE id = :id"), {"id": mine}).scalar_one()
        == "cancelled"
    )
    assert (
        session.execute(text("SELECT erased_at FROM bookings WHERE id = :id"), {"id": other}).scalar_one()
        is None
    )
    assert ledger.is_opted_out(session, known.phone_hashes[0])
    assert erasure_log.read(session) == [known]
    before = contents(session)
    assert erasure_log.reapply(session, [known], tools) == {}
    assert contents(session) == before


def test_whoever_came_back_after_the_erasure_stays(session: Session, settings: Settings) -> None:
    book(session, settings, CANARY)
    before = hits(session, CANARY)
    erasure_log.reapply(session, [entry(settings, at=-LATER)], settings_tools(settings))
    assert hits(session, CANARY) == before


def test_a_lead_known_by_its_number_alone_goes_too(session: Session, settings: Settings) -> None:
    session.execute(
        text(
            "INSERT INTO leads (kind, zip_code, first_name, phone) VALUES ('callback', '85004', :name, :phone)"
        ),
        {"name": CANARY.first_name, "phone": CANARY.phone},
    )
    erasure_log.reapply(session, [entry(settings)], settings_tools(settings))
    assert hits(session, CANARY) == []


def test_nothing_to_reapply_reads_nothing(session: Session, settings: Settings) -> None:
    finish(session, settings, book(session, settings, CANARY))
    before = contents(session)
    assert erasure_log.reapply(session, [], settings_tools(settings)) == {}
    assert contents(session) == before


def test_the_file_gives_back_what_was_written_and_takes_each_line_once(
    tmp_path: Path, settings: Settings
) -> None:
    one, two = entry(settings), entry(settings)
    folder = tmp_path / "beside"
    assert erasure_log.read_file(folder) == []
    assert erasure_log.append(folder, [one]) == 1
    assert erasure_log.append(folder, [one, two]) == 1
    assert erasure_log.append(folder, [one, two]) == 0
    assert erasure_log.read_file(folder) == [one, two]
    assert CANARY.phone not in (folder / FILE).read_text()


def test_a_line_that_a_crash_cut_off_is_written_again(tmp_path: Path, settings: Settings) -> None:
    one, two, three = (entry(settings) for _number in range(3))
    erasure_log.append(tmp_path, [one, two])
    content = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content[:-20])
    assert erasure_log.read_file(tmp_path) == [one]
    assert erasure_log.append(tmp_path, [two, three]) == 2
    assert erasure_log.read_file(tmp_path) == [one, two, three]


@pytest.mark.parametrize("change", ["UPDATE erasure_log SET actor = 'x'", "DELETE FROM erasure_log"])
def test_the_application_can_add_to_the_log_and_nothing_else(session: Session, change: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), session.begin_nested():
        session.execute(text(change))
