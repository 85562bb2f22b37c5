"""The commands: dry runs that change nothing, refusals with a way out, counts and never a person, a log beside the backups."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from app.config import Settings
from app.maintenance.privacy import erasure_log
from app.notifications.recipients import email_hash
from tests.maintenance.canary import CANARY, OTHER, book, contents, finish, hits, leave_traces


@pytest.fixture
def log_dir(app: Flask, settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """The folder beside the backups."""
    app.extensions["a1_settings"] = replace(settings, erasure_log_dir=str(tmp_path), job_lease_seconds=2)
    yield tmp_path
    app.extensions["a1_settings"] = settings


@pytest.fixture
def sold(database: Engine, settings: Settings) -> Engine:
    """A booking to come of the canary, and somebody else's."""
    with Session(database) as session:
        mine, other = book(session, settings, CANARY), book(session, settings, OTHER, hour=10)
        leave_traces(session, settings, CANARY, mine)
        leave_traces(session, settings, OTHER, other)
        session.commit()
    return database


def everything(database: Engine) -> dict[str, list[str]]:
    with Session(database) as session:
        return contents(session)


def left(database: Engine) -> list[tuple[str, str, int]]:
    with Session(database) as session:
        return hits(session, CANARY)


def one(database: Engine, sql: str, **values: object) -> Any:
    with database.connect() as connection:
        return connection.execute(text(sql), values).scalar()


def call(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(args=["privacy", *words])


def erase(app: Flask, *more: str) -> Result:
    return call(app, "erase", "--email", CANARY.email, *more)


def test_a_visit_to_come_is_named_and_nothing_is_erased(app: Flask, sold: Engine, log_dir: Path) -> None:
    before = everything(sold)
    done = erase(app)
    reference = one(sold, "SELECT reference FROM bookings WHERE contact_email = :email", email=CANARY.email)
    assert done.exit_code == 1
    assert f"a visit is still to come ({reference})" in done.output
    assert everything(sold) == before
    assert list(log_dir.iterdir()) == []


def test_a_dry_run_says_what_would_go_and_changes_nothing(app: Flask, sold: Engine, log_dir: Path) -> None:
    before = everything(sold)
    done = erase(app, "--cancel-open", "--dry-run")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("Would be erased: visits 2, bookings 1, customers 1")
    assert everything(sold) == before
    assert list(log_dir.iterdir()) == []


def test_cancelling_and_erasing_leaves_no_word_and_prints_none(
    app: Flask, sold: Engine, log_dir: Path
) -> None:
    done = erase(app, "--cancel-open", "--operator", "Robin")
    assert done.exit_code == 0, done.output
    assert left(sold) == []
    assert [word for word in CANARY.words if word in done.output] == []
    assert one(sold, "SELECT status FROM bookings WHERE erased_at IS NOT NULL") == "cancelled"
    assert one(sold, "SELECT count(*) FROM queue_jobs WHERE job_type = 'servicetitan.cancel_job'") == 1
    assert one(sold, "SELECT actor FROM audit_log WHERE action = 'privacy_erase'") == "cli:Robin"
    (entry,) = erasure_log.read_file(log_dir)
    assert entry.email_hash == email_hash(CANARY.email, app.extensions["a1_settings"].privacy_hash_key)
    assert [word for word in CANARY.words if word in (log_dir / erasure_log.FILE).read_text()] == []


def test_twice_gives_the_same_state_and_one_line(app: Flask, sold: Engine, log_dir: Path) -> None:
    erase(app, "--cancel-open")
    before = everything(sold)
    again = erase(app, "--cancel-open")
    assert again.output.startswith("Erased on ")
    assert everything(sold) == before
    assert len(erasure_log.read_file(log_dir)) == 1


def test_nobody_is_nobody(app: Flask, sold: Engine, log_dir: Path) -> None:
    before = everything(sold)
    assert call(app, "erase", "--email", "nobody@example.com").output == "Nothing is known of this person.\n"
    assert everything(sold) == before
    assert list(log_dir.iterdir()) == []


@pytest.fixture
def broken_table(owner: Engine, sold: Engine) -> Iterator[Engine]:
    """A database that fails when the erasure has come to the leads."""
    with owner.begin() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER no_leads BEFORE UPDATE ON leads FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
        )
    yield sold
    with owner.begin() as connection:
        connection.execute(text("DROP TRIGGER IF EXISTS no_leads ON leads"))


def test_a_failure_half_way_takes_all_of_it_back_and_a_second_run_does_it_whole(
    app: Flask, broken_table: Engine, owner: Engine, settings: Settings, log_dir: Path
) -> None:
    with Session(broken_table) as session:
        finish(
            session,
            settings,
            one(broken_table, "SELECT id FROM bookings WHERE contact_email = :email", email=CANARY.email),
        )
        session.commit()
    before = everything(broken_table)
    done = erase(app)
    assert done.exit_code == 1
    assert "the database refused" in done.output
    assert everything(broken_table) == before
    assert list(log_dir.iterdir()) == []
    with owner.begin() as connection:
        connection.execute(text("DROP TRIGGER no_leads ON leads"))
    assert erase(app).exit_code == 0
    assert left(broken_table) == []


def test_a_job_at_work_is_waited_for_and_then_named(app: Flask, sold: Engine, log_dir: Path) -> None:
    with sold.begin() as connection:
        connection.execute(
            text(
                "UPDATE queue_jobs SET status = 'processing', lease_token = gen_random_uuid() WHERE job_type = 'twilio.send_sms'"
            )
        )
    done = erase(app, "--cancel-open")
    assert done.exit_code == 1
    assert "still at work" in done.output
    assert left(sold)
    assert list(log_dir.iterdir()) == []


def test_a_copy_holds_all_parts_and_nobody_elses(app: Flask, sold: Engine, tmp_path: Path) -> None:
    out = tmp_path / "pat.zip"
    done = call(app, "export", "--email", CANARY.email.upper(), "--out", str(out))
    assert done.exit_code == 0, done.output
    assert out.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(out) as archive:
        document = json.loads(archive.read("personal-data.json"))
    assert {part: len(rows) for part, rows in document.items()} == {
        "customers": 1, "bookings": 1, "status_changes": 1, "messages": 2, "consents": 1, "inbound_texts": 2, "leads": 2,
        "visits": 2, "events": 2,
    }  # fmt: skip
    written = json.dumps(document)
    assert [word for word in CANARY.words if word not in written] == []
    assert [word for word in OTHER.words if word in written] == []
    assert one(sold, "SELECT count(*) FROM audit_log WHERE action = 'privacy_export'") == 1
    assert call(app, "export", "--email", CANARY.email, "--out", str(out)).exit_code != 0, (
        "no copy is overwritten"
    )


def test_a_copy_on_the_screen_is_json(app: Flask, sold: Engine) -> None:
    document = json.loads(call(app, "export", "--email", CANARY.email).output)
    assert document["customers"][0]["email"] == CANARY.email
    assert call(app, "export", "--email", "nobody@example.com").output == "Nothing is known of this person.\n"
    assert sold


def test_only_customers_without_a_booking_for_seven_years_are_forgotten(
    app: Flask, sold: Engine, owner: Engine
) -> None:
    with owner.begin() as connection:
        connection.execute(text("UPDATE customers SET created_at = now() - interval '8 years'"))
        connection.execute(
            text(
                "INSERT INTO customers (first_name, last_name, email, phone, created_at)"
                " VALUES ('Old', 'Timer', 'old@example.com', '+16025550111', now() - interval '7 years 1 day'),"
                " ('Not', 'Yet', 'yet@example.com', '+16025550112', now() - interval '6 years 11 months')"
            )
        )
    before = everything(sold)
    assert "people 1" in call(app, "anonymize", "--dry-run").output
    assert everything(sold) == before
    assert "people 1" in call(app, "anonymize").output
    names = one(sold, "SELECT array_agg(first_name ORDER BY first_name) FROM customers")
    assert names == sorted(["Erased", "Not", CANARY.first_name, OTHER.first_name])
    assert "people 0" in call(app, "anonymize").output


def test_records_are_kept_as_long_as_they_must_be(app: Flask) -> None:
    for asked in ("6y", "7", "0y", "many"):
        assert call(app, "anonymize", "--older-than", asked).exit_code == 2


def test_a_number_that_came_with_no_address_can_be_named(app: Flask, sold: Engine, log_dir: Path) -> None:
    with sold.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO leads (kind, zip_code, first_name, phone) VALUES ('callback', '85006', 'Wombat', '+16025550133'),"
                " ('callback', '85007', 'Gannet', '+16025550134')"
            )
        )
    assert call(app, "erase", "--email", CANARY.email, "--phone", "nonsense").exit_code == 1
    done = erase(app, "--cancel-open", "--phone", "(602) 555-0133")
    assert done.exit_code == 0, done.output
    assert one(sold, "SELECT count(*) FROM leads WHERE first_name = 'Wombat' OR phone = '+16025550133'") == 0
    assert one(sold, "SELECT count(*) FROM leads WHERE first_name = 'Gannet' AND phone = '+16025550134'") == 1
    assert len(erasure_log.read_file(log_dir)) == 1


def test_an_erasure_that_cannot_be_written_down_does_not_happen(
    app: Flask, sold: Engine, log_dir: Path, settings: Settings
) -> None:
    (log_dir / erasure_log.FILE).mkdir()
    with Session(sold) as session:
        finish(
            session,
            settings,
            one(sold, "SELECT id FROM bookings WHERE contact_email = :email", email=CANARY.email),
        )
        session.commit()
    before = everything(sold)
    done = erase(app)
    assert done.exit_code == 1
    assert "nothing was erased" in done.output
    assert everything(sold) == before
