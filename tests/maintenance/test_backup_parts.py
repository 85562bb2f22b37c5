"""The parts of backups that need no cluster: sealed files, the chain of WAL, what is due, and what the office sees."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.config import SettingsError, load_settings
from app.maintenance.backups import after, full, keeper, manifest, restore, sealed, store, wal
from app.maintenance.backups.restore import Target
from app.maintenance.backups.store import DamagedError, Store
from app.staff.backup_check import check_backups
from app.web.figures import FIGURES
from tests.staff.office import book

KEY = store.new_key()
SIZE = 16 * 1024 * 1024
AT = datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path) -> Store:
    """A place of backups with nothing in it."""
    made = Store(tmp_path / "backups", tmp_path / "spool", KEY, "")
    for folder in (made.base, made.wal, made.spool):
        folder.mkdir(parents=True)
    return made


@settings(deadline=None, max_examples=30)
@given(st.binary(max_size=5000), st.integers(1, 400))
def test_what_is_sealed_comes_out_again(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, times: int
) -> None:
    path = tmp_path_factory.mktemp("sealed") / "file.zst.age"
    made = sealed.seal(io.BytesIO(content * times), path, KEY)
    assert (made.contained, made.size) == (len(content) * times, path.stat().st_size)
    out = io.BytesIO()
    sealed.unseal(path, out, KEY, sha256=made.sha256)
    assert out.getvalue() == content * times


@pytest.mark.parametrize("where", [0, 40, 150, 5000, -1])
def test_one_changed_byte_is_noticed_wherever_it_is(tmp_path: Path, where: int) -> None:
    path = tmp_path / "file.zst.age"
    sealed.seal(
        io.BytesIO(bytes(range(256)) * 4000 + b"".join(n.to_bytes(4) for n in range(9000))), path, KEY
    )
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedError, match=r"file\.zst\.age"):
        sealed.unseal(path, io.BytesIO(), KEY)


def test_a_file_that_was_cut_off_or_exchanged_is_noticed(tmp_path: Path) -> None:
    one, other = tmp_path / "one.zst.age", tmp_path / "other.zst.age"
    made = sealed.seal(io.BytesIO(b"a" * 300_000), one, KEY)
    sealed.seal(io.BytesIO(b"b" * 300_000), other, KEY)
    with pytest.raises(DamagedError, match="not what was written"):
        sealed.unseal(other, io.BytesIO(), KEY, sha256=made.sha256)
    one.write_bytes(one.read_bytes()[:-20])
    with pytest.raises(DamagedError, match=r"damaged: .*one\.zst\.age"):
        sealed.unseal(one, io.BytesIO(), KEY)
    with pytest.raises(DamagedError, match=r"missing: nowhere\.zst\.age"):
        sealed.unseal(tmp_path / "nowhere.zst.age", io.BytesIO(), KEY)


@given(st.integers(0, 1 << 24), st.integers(1, 9), st.booleans())
def test_names_of_segments_are_read_as_they_are_written(number: int, timeline: int, partial: bool) -> None:
    segment = wal.Segment(number, timeline, partial)
    assert wal.segment_of(segment.name(SIZE), SIZE) == segment


@given(st.integers(0, (1 << 48) - 1))
def test_places_in_the_wal_are_read_as_they_are_written(number: int) -> None:
    assert wal.place(wal.position(number)) == number


def test_holes_in_the_chain_are_named_across_timelines() -> None:
    chain = [
        wal.Segment(3, 1),
        wal.Segment(4, 1),
        wal.Segment(6, 1),
        wal.Segment(6, 2),
        wal.Segment(8, 2, partial=True),
    ]
    assert wal.missing(chain, wal.Segment(3, 1), 8, SIZE) == [
        "000000010000000000000005",
        "000000020000000000000007",
    ]
    assert wal.missing([], wal.Segment(3, 1), 3, SIZE) == ["000000010000000000000003"]


def test_wal_is_sealed_as_it_comes_in_and_laid_out_under_the_names_recovery_asks_for(
    place: Store, tmp_path: Path
) -> None:
    names = [wal.Segment(number, 1).name(SIZE) for number in (3, 4, 5)]
    for name in names[:2]:
        (place.spool / name).write_bytes(name.encode() * 100)
    (place.spool / f"{names[2]}.partial").write_bytes(b"begun")
    (place.spool / "00000002.history").write_bytes(b"1\t0/0\tno reason\n")
    assert wal.put_away(place) == 3
    changed = wal.put_away_partial(place, 0.0)
    assert wal.put_away_partial(place, changed) == changed
    assert [path.name for path in place.spool.iterdir()] == [f"{names[2]}.partial"]
    assert wal.lay_out(place, wal.Segment(3, 1), tmp_path / "out", SIZE) is None
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*names, "00000002.history"}
    assert (tmp_path / "out" / names[2]).read_bytes() == b"begun"
    (place.spool / f"{names[2]}.partial").rename(place.spool / names[2])
    wal.put_away(place)
    assert not list(place.wal.glob("*.partial*"))
    assert wal.forget_before(place, 5, SIZE) == 2


def a_manifest(started_at: datetime) -> manifest.Manifest:
    """A manifest of a backup."""
    return manifest.Manifest(
        name=f"{started_at:%Y%m%dT%H%M%SZ}", started_at=started_at, consistent_at=started_at, point="p", point_at=started_at,
        point_lsn="0/3000090", start_lsn="0/2000028", end_lsn="0/2000120", timeline=1, segment_bytes=SIZE, size=1, contained=2,
        sha256="", database="a1", server_version="18.6", migration="0003", erasures=0,
        tables={"leads": manifest.TableSum(2, "-7")},
    )  # fmt: skip


def keep_manifest(place: Store, started_at: datetime) -> manifest.Manifest:
    """A backup of which only the manifest is there."""
    made = a_manifest(started_at)
    (place.base / made.name).mkdir()
    manifest.write(place.base / made.name, made)
    return made


def test_a_manifest_is_read_as_it_is_written(place: Store) -> None:
    made = keep_manifest(place, AT)
    assert manifest.every(place) == [made]
    (place.base / "20261123T100000Z.part").mkdir()
    assert manifest.newest(place) == made
    assert manifest.newest(place, AT) == made
    with pytest.raises(store.BackupError, match="no full backup that ended before"):
        manifest.newest(place, AT - timedelta(seconds=1))


def test_a_backup_is_due_each_night_and_at_any_hour_when_one_was_missed(place: Store) -> None:
    assert keeper.is_backup_due(place, AT, is_night=False)
    assert not keeper.is_test_due(place, AT)
    keep_manifest(place, AT)
    assert not keeper.is_backup_due(place, AT + timedelta(hours=19), is_night=True)
    assert keeper.is_backup_due(place, AT + timedelta(hours=21), is_night=True)
    assert not keeper.is_backup_due(place, AT + timedelta(hours=21), is_night=False)
    assert keeper.is_backup_due(place, AT + timedelta(hours=26), is_night=False)
    assert keeper.is_test_due(place, AT)
    keeper.note(place, keeper.TESTED, at=AT.isoformat())
    assert not keeper.is_test_due(place, AT + timedelta(days=29))
    assert keeper.is_test_due(place, AT + timedelta(days=31))


def test_the_newest_backup_stays_however_old_it_is(place: Store) -> None:
    keep_manifest(place, AT)
    assert full.forget_old(place, AT + timedelta(days=900)) == ()
    newer = keep_manifest(place, AT + timedelta(days=1))
    assert full.forget_old(place, AT + timedelta(days=900)) == (a_manifest(AT).name,)
    assert manifest.every(place) == [newer]


def test_what_an_earlier_restore_left_in_the_settings_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "postgresql.auto.conf"
    path.write_text("work_mem = '8MB'\nrestore_command = 'cp'\nrecovery_target_time = '2026-11-22'\n")
    restore.forget_settings(tmp_path)
    assert path.read_text() == "work_mem = '8MB'\n"
    options = Target(instant=AT.astimezone(UTC)).options()
    assert options["recovery_target_time"] == "2026-11-22 10:00:00.000000+00"


@pytest.mark.parametrize("days", ["1", "36"])
def test_backups_are_never_kept_so_long_that_an_erasure_cannot_complete(
    environ: dict[str, str], days: str
) -> None:
    with pytest.raises(SettingsError, match="BACKUP_KEEP_DAYS must be 2 to 35"):
        load_settings(environ | {"BACKUP_KEEP_DAYS": days})


def test_texts_that_waited_at_the_restore_point_are_never_sent_again(app: Flask, session: Session) -> None:
    booked = book(session, app.extensions["a1_settings"])
    waiting = "SELECT count(*) FROM notifications WHERE type = :type AND status = 'pending'"
    session.execute(
        text(
            "INSERT INTO notifications (booking_id, type, provider, template, dedupe_key)"
            " SELECT id, 'sms', 'twilio', 'confirmation', 'sms:test' FROM bookings LIMIT 1"
        )
    )
    session.execute(
        text(
            "INSERT INTO queue_jobs (queue_name, job_type, status, lease_token, lease_until, dedupe_key)"
            " VALUES ('notify', 'twilio.send_sms', 'processing', gen_random_uuid(), now(), 'job:sms:test')"
        )
    )
    emails = session.execute(text(waiting), {"type": "email"}).scalar_one()
    assert booked
    assert emails > 0
    assert after.never_resend(session) >= 1
    assert session.execute(text(waiting), {"type": "sms"}).scalar_one() == 0
    assert session.execute(text(waiting), {"type": "email"}).scalar_one() == emails
    job = session.execute(
        text("SELECT status, outcome FROM queue_jobs WHERE dedupe_key = 'job:sms:test'")
    ).one()
    assert tuple(job) == ("failed", "uncertain")
    others = "SELECT count(*) FROM queue_jobs WHERE outcome = 'uncertain' AND job_type <> 'twilio.send_sms'"
    assert session.execute(text(others)).scalar_one() == 0
    assert after.never_resend(session) == 0


def figure(session: Session, name: str) -> float:
    """One figure as /metrics shows it."""
    query = next(figure.query for figure in FIGURES if figure.name == name)
    return float(session.execute(query).scalar_one())


def test_the_office_and_the_monitor_see_how_old_both_are(session: Session) -> None:
    assert check_backups(session).ok is False
    assert figure(session, "a1_backup_last_success_timestamp") == 0
    add = text(
        "INSERT INTO task_runs (name, started_at, finished_at, ok) VALUES (:name, now(), now() - make_interval(hours => :old), true)"
    )
    session.execute(add, {"name": "backup", "old": 25})
    assert check_backups(session).ok is False
    session.execute(add, {"name": "restore_test", "old": 34 * 24})
    found = check_backups(session)
    assert (found.ok, found.says.startswith("last full backup ")) == (True, True)
    ages = clock.now().timestamp() - figure(session, "a1_restore_test_last_success_timestamp")
    assert 33 * 86400 < ages < 35 * 86400
    session.execute(
        text("UPDATE task_runs SET finished_at = now() - interval '27 hours' WHERE name = 'backup'")
    )
    assert check_backups(session).ok is False


def test_notes_are_readable_by_other_programs(place: Store) -> None:
    keeper.note(place, keeper.RECEIVED, at=AT.isoformat())
    assert json.loads((place.folder / keeper.RECEIVED).read_text()) == {"at": AT.isoformat()}
    assert keeper.read_note(place, keeper.TESTED) is None
