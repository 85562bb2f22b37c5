"""What is over goes, what is not stays, a dry run changes nothing, and a run that is killed anywhere can go on."""

import multiprocessing
import random
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import sessionmaker

from app.maintenance import months, partitions, retention, rollups
from app.maintenance.months import Leaving
from app.maintenance.retention import Outcome, Round
from app.pooling import Client, connect_args
from tests.maintenance import dying
from tests.maintenance.copies import Copy, copy_of
from tests.maintenance.load import Load
from tests.maintenance.state import contents, files

KILLS = 20


def one(engine: Engine, query: str, **values: object) -> object:
    with engine.connect() as connection:
        return connection.execute(text(query), values).scalar_one()


def do(engine: Engine, query: str, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(text(query), values)


def by_rule(outcomes: list[Outcome]) -> dict[str, Outcome]:
    return {outcome.rule: outcome for outcome in outcomes}


def test_a_dry_run_says_what_goes_and_changes_nothing(years: Copy, usual: Round) -> None:
    before = contents(years.owner)
    said = retention.preview(years.app, usual)
    assert contents(years.owner) == before
    assert files(usual.archives) == {}
    done = retention.run(years.app, usual)
    assert [outcome.rule for outcome in said] == list(retention.NAMES)
    for wanted, found in zip(said, done, strict=True):
        assert (found.rule, found.parts, found.fault) == (wanted.rule, wanted.parts, "")
        # a month of bookings takes what points to it along, whatever its own age
        assert found.rows == wanted.rows or wanted.rule == "customers"
    assert {outcome.rule for outcome in done if not outcome.rows} == {"runs"}
    assert all(outcome.rows == 0 for outcome in retention.run(years.app, usual))


REMAINS = {
    "analytics_events": "SELECT min(created_at) > now() - interval '37 days' FROM analytics_events",
    "queue_jobs": "SELECT min(completed_at) > now() - interval '30 days' FROM queue_jobs",
    "notifications": "SELECT bool_and(status = 'pending') FROM notifications",
    "time_slots": "SELECT min(slot_date) >= (now() - interval '365 days')::date FROM time_slots",
    "slot_capacity": "SELECT count(*) = 0 FROM slot_capacity",
    "provider_events": "SELECT count(*) = 29 FROM provider_events",
    "wizard_sessions": "SELECT count(*) = 29 FROM wizard_sessions",
    "leads": "SELECT min(updated_at) > now() - interval '730 days' FROM leads",
    "bookings": "SELECT count(*) = 20 AND min(created_at) > now() - interval '7 years' FROM bookings",
    "customers": "SELECT count(*) = 20 AND bool_and(EXISTS (SELECT FROM bookings b WHERE b.customer_id = c.id)) FROM customers c",
    "booking_status_history": "SELECT count(*) = 20 FROM booking_status_history",
    "manage_links": "SELECT count(*) = 0 FROM manage_links",
    "consents": "SELECT count(*) = 20 FROM consents",
    "audit_log": "SELECT count(*) = 20 FROM audit_log",
}


def test_what_is_not_over_stays(years: Copy, usual: Round) -> None:
    retention.run(years.app, usual)
    assert {table: one(years.owner, query) for table, query in REMAINS.items()} == dict.fromkeys(
        REMAINS, True
    )


def test_the_reports_keep_every_event_of_a_week_that_goes(years: Copy, usual: Round) -> None:
    raw = one(years.owner, "SELECT count(*) FROM analytics_events")
    retention.run(years.app, replace(usual, only="events"))
    left = one(years.owner, "SELECT count(*) FROM analytics_events")
    assert 0 < left < raw
    assert one(years.owner, "SELECT sum(events) FROM report_events_daily") == raw
    assert one(years.owner, "SELECT sum(viewed) FROM funnel_daily") * 2 == raw


def test_counting_everything_again_after_a_drop_loses_nothing(years: Copy, usual: Round) -> None:
    raw = one(years.owner, "SELECT count(*) FROM analytics_events")
    retention.run(years.app, replace(usual, only="events"))
    sessions = sessionmaker(years.app)
    with sessions.begin() as session:
        rollups.rebuild(session, usual.zone)
    with sessions.begin() as session:
        rollups.refresh(session, usual.zone)
    assert one(years.owner, "SELECT sum(events) FROM report_events_daily") == raw


def test_one_rule_alone_leaves_the_others(years: Copy, usual: Round) -> None:
    before = contents(years.owner)
    outcomes = retention.run(years.app, replace(usual, only="leads"))
    assert [outcome.rule for outcome in outcomes] == ["leads"]
    after = contents(years.owner)
    assert {table for table, rows in after.items() if rows != before[table]} == {"leads"}


@pytest.fixture
def guarded(years: Copy, usual: Round) -> Leaving:
    """The oldest month, exported, with nothing left that points into it but what a test leaves there."""
    with sessionmaker(years.app)() as session:
        month = months.due(session, "7 years")[1]
    assert usual.archives is not None
    leaving = Leaving(month, "7 years", usual.archives, 100)
    months.ensure_archived(sessionmaker(years.app), leaving)
    return leaving


DROP_MONTH = "SELECT drop_bookings_month(:month, CAST(:keep AS interval))"


def test_a_month_that_something_points_to_is_not_dropped(years: Copy, guarded: Leaving) -> None:
    with pytest.raises(DBAPIError, match="foreign key"):
        do(years.app, DROP_MONTH, month=guarded.month, keep="7 years")
    assert months.let_go(sessionmaker(years.app), guarded) > 0


def test_a_month_that_changed_after_it_was_written_is_written_again(years: Copy, guarded: Leaving) -> None:
    do(years.app, "UPDATE bookings SET status = 'cancelled' WHERE created_at < now() - interval '7 years'")
    with pytest.raises(DBAPIError, match="has changed since it was archived"):
        do(years.app, DROP_MONTH, month=guarded.month, keep="7 years")
    assert months.let_go(sessionmaker(years.app), guarded) > 0


@pytest.mark.parametrize(
    ("query", "values", "words"),
    [
        (DROP_MONTH, {"month": "2019-07-15", "keep": "7 years"}, "no month of bookings"),
        (DROP_MONTH, {"month": "1999-01-01", "keep": "7 years"}, "no month of bookings"),
        (DROP_MONTH, {"month": "first", "keep": "6 months"}, "a year at least"),
        (DROP_MONTH, {"month": "first", "keep": "7 years"}, "is not in the archive"),
        (DROP_MONTH, {"month": "last", "keep": "7 years"}, "is not yet older"),
        ("SELECT drop_events_week(:week, CAST(:keep AS interval))", {"week": "first", "keep": "1 day"}, "seven days"),
        ("SELECT drop_events_week(:week, CAST(:keep AS interval))", {"week": "first", "keep": "30 days"}, "not yet counted"),
        ("SELECT drop_events_week(:week, CAST(:keep AS interval))", {"week": "second", "keep": "30 days"}, "an older week"),
        ("SELECT drop_events_week(:week, CAST(:keep AS interval))", {"week": "last", "keep": "30 days"}, "not yet older"),
        ("SELECT drop_events_week(:week, CAST(:keep AS interval))", {"week": "2001-01-01", "keep": "30 days"}, "no week"),
        ("SELECT delete_old_ledger_rows(:ledger, CAST(:keep AS interval), 9)", {"ledger": "customers", "keep": "7 years"}, "not a ledger"),
        ("SELECT delete_old_ledger_rows(:ledger, CAST(:keep AS interval), 9)", {"ledger": "audit_log", "keep": "1 day"}, "a year at least"),
    ],
)  # fmt: skip
def test_the_owner_s_functions_look_before_they_drop(
    years: Copy, query: str, values: dict[str, str], words: str
) -> None:
    place = {
        "first": "ORDER BY 1 LIMIT 1",
        "second": "ORDER BY 1 OFFSET 1 LIMIT 1",
        "last": "ORDER BY 1 DESC LIMIT 1",
    }
    values = dict(values)
    for name, function in (("month", "booking_months"), ("week", "event_weeks")):
        if values.get(name) in place:
            values[name] = str(one(years.app, f"SELECT {name} FROM {function}() {place[values[name]]}"))
    before = contents(years.owner)
    with pytest.raises(DBAPIError, match=words):
        do(years.app, query, **values)
    assert contents(years.owner) == before


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM audit_log", "DELETE FROM consents", "DELETE FROM booking_archives", "DROP TABLE bookings", "TRUNCATE audit_log"],
)  # fmt: skip
def test_the_application_has_no_other_way(years: Copy, statement: str) -> None:
    with pytest.raises(DBAPIError, match=r"permission denied|must be owner|append-only"):
        do(years.app, f"SET a1.ledger_retention = 'on'; {statement}")


def test_the_owner_too_is_refused_a_change_of_a_ledger(years: Copy) -> None:
    for statement in ("DELETE FROM audit_log", "UPDATE consents SET locale = 'es'"):
        with pytest.raises(DBAPIError, match="append-only"):
            do(years.owner, statement)


OLD_BOOKING = (
    "(SELECT id FROM bookings WHERE created_at < now() - interval '7 years 2 months' ORDER BY id LIMIT 1)"
)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (f"UPDATE queue_jobs SET status = 'pending' WHERE booking_id = {OLD_BOOKING}", "1 deliveries"),
        (f"UPDATE bookings SET window_end = now() WHERE id = {OLD_BOOKING}", "1 of its visits"),
    ],
)
def test_a_month_with_unfinished_work_waits_and_says_why(
    years: Copy, usual: Round, change: str, words: str
) -> None:
    do(years.app, change)
    outcome = by_rule(retention.run(years.app, usual))["bookings"]
    assert words in outcome.fault
    assert outcome.rows > 0
    assert one(years.owner, f"SELECT count(*) FROM {OLD_BOOKING} b") == 1


def test_without_a_folder_for_archives_no_booking_goes(years: Copy, usual: Round) -> None:
    before = one(years.owner, "SELECT count(*) FROM bookings")
    outcome = by_rule(retention.run(years.app, replace(usual, archives=None)))["bookings"]
    assert "ARCHIVE_FOLDER is not set" in outcome.fault
    assert one(years.owner, "SELECT count(*) FROM bookings") == before


def test_a_broken_file_keeps_its_month_in_the_database(years: Copy, usual: Round, guarded: Leaving) -> None:
    path = guarded.folder / f"bookings_{guarded.month:%Y_%m}.csv.gz"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    outcome = by_rule(retention.run(years.app, usual))["bookings"]
    assert "checksum differs" in outcome.fault
    assert f"{guarded.month:%Y-%m}" not in outcome.parts
    path.unlink()
    assert by_rule(retention.run(years.app, usual))["bookings"].fault == ""


def test_a_word_that_stops_us_is_never_forgotten(years: Copy, usual: Round) -> None:
    add = (
        "INSERT INTO consents (phone_hash, channel, purpose, action, method, created_at)"
        " VALUES (decode(:phone, 'hex'), 'sms', 'booking', :action, :method, now() - make_interval(years => :years))"
    )
    for action, method, age in (("opt_in", "web", 10), ("opt_out", "keyword", 9), ("opt_in", "keyword", 8)):
        do(years.app, add, phone="aa", action=action, method=method, years=age)
    do(years.app, add, phone="bb", action="opt_in", method="web", years=8)
    retention.run(years.app, replace(usual, only="consents"))
    kept = "SELECT count(*) FROM consents WHERE phone_hash = decode(:phone, 'hex')"
    assert (one(years.owner, kept, phone="aa"), one(years.owner, kept, phone="bb")) == (3, 0)


def test_a_dead_letter_stays_as_long_as_its_visit_matters(years: Copy, usual: Round) -> None:
    do(
        years.app,
        "UPDATE bookings SET preferred_time = now() - interval '20 days', window_end = now() - interval '19 days'"
        " WHERE id = (SELECT max(id::text)::uuid FROM bookings)",
    )
    for status in ("failed", "completed"):
        do(
            years.app,
            "INSERT INTO queue_jobs (queue_name, job_type, booking_id, status, completed_at)"
            " SELECT 'critical', 'test', id, :status, now() - interval '40 days' FROM bookings ORDER BY id DESC LIMIT 1",
            status=status,
        )
    retention.run(years.app, replace(usual, only="jobs"))
    assert (
        one(years.owner, "SELECT string_agg(status, '') FROM queue_jobs WHERE job_type = 'test'") == "failed"
    )


def test_a_second_run_leaves_the_work_to_the_first(years: Copy, usual: Round) -> None:
    before = contents(years.owner)
    with retention.only_one(years.app), pytest.raises(retention.AlreadyRunning):
        retention.run(years.app, usual)
    assert contents(years.owner) == before


def test_killed_at_twenty_points_and_resumed_it_ends_like_one_clean_run(
    seven_years: str, environ: dict[str, str], usual: Round, tmp_path: Path
) -> None:
    small = replace(usual, batch=2)
    with copy_of(seven_years, environ) as clean, copy_of(seven_years, environ) as killed:
        points = in_a_process(clean, dying.settled(small, tmp_path / "clean"), point=0)
        assert points is not None
        chance, died = random.Random(7204), 0
        while died < KILLS:
            point = chance.randint(points // 40, points // 8)
            if in_a_process(killed, dying.settled(small, tmp_path / "killed"), point=point) is not None:
                break
            died += 1
        in_a_process(killed, dying.settled(small, tmp_path / "killed"), point=0)
        assert died == KILLS, f"it was done after {died} kills"
        assert contents(killed.owner) == contents(clean.owner)
    assert files(tmp_path / "killed") == files(tmp_path / "clean")
    assert len(files(tmp_path / "clean")) >= 6


def in_a_process(database: Copy, what: Round, *, point: int) -> int | None:
    """Run until that point or the end; answer the points passed, nothing when it died."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.maintenance.dying"])
    ours, theirs = context.Pipe(duplex=False)
    args = connect_args(database.settings, Client.WORKER)
    process = context.Process(target=dying.run_until, args=(database.app_url, args, what, point, theirs))
    process.start()
    theirs.close()
    process.join()
    try:
        return int(ours.recv()) if process.exitcode == 0 else None
    finally:
        ours.close()
        process.close()


def test_partitions_retention_and_reports_beside_bookings_lose_nothing(years: Copy, usual: Round) -> None:
    sessions = sessionmaker(years.app)
    raw = int(str(one(years.owner, "SELECT count(*) FROM analytics_events")))
    drop_ahead(years.owner)
    with Load(years) as load:
        made = partitions.upkeep(sessions)
        outcomes = retention.run(years.app, replace(usual, batch=50))
        for _ in range(5):
            with sessions.begin() as session:
                rollups.refresh(session, "America/Phoenix")
            time.sleep(0.2)
    assert (made.made, made.faults) == (9, ())
    assert [outcome.fault for outcome in outcomes if outcome.fault] == []
    assert len(by_rule(outcomes)["events"].parts) >= 4
    assert len(by_rule(outcomes)["bookings"].parts) >= 3
    assert load.errors == []
    assert load.booked > 10
    assert load.lost() == 0
    with sessions.begin() as session:
        rollups.refresh(session, "America/Phoenix")
    assert one(years.owner, "SELECT sum(events) FROM report_events_daily") == raw + 2 * load.booked


def drop_ahead(owner: Engine) -> None:
    """Take five months and four weeks of the far end away, so that there is something to attach."""
    plan = (
        "SELECT parent, part FROM (SELECT *, row_number() OVER (PARTITION BY parent ORDER BY starts DESC) AS n"
        " FROM partition_plan(now(), now() + interval '14 months', now() + interval '12 weeks')) p"
        " WHERE n <= CASE parent WHEN 'bookings' THEN 5 ELSE 4 END"
    )
    with owner.begin() as connection:
        for parent, part in connection.execute(text(plan)).all():
            connection.execute(text(f"ALTER TABLE {parent} DETACH PARTITION {part}"))
            connection.execute(text(f"DROP TABLE {part}"))
