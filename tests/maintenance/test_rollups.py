"""The rollups are exactly what the raw rows say: under load, over months, after retention, after a restore."""

import random
import threading
import time
import uuid
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from app.jobs.process import transact
from app.maintenance import rollups

PHOENIX, BERLIN = "America/Phoenix", "Europe/Berlin"
ADD = text(
    "INSERT INTO analytics_events (event_type, event_data, session_id, utm_source, is_bot) VALUES (:kind,"
    " jsonb_build_object('step', CAST(:step AS text), 'channel', 'organic', 'ms_on_step', CAST(:ms AS integer)), :visit, 'google', :bot)"
)
EVENTS = (
    "SELECT day, event_type, step, utm_source, events, sessions FROM report_events_daily ORDER BY 1, 2, 3, 4"
)
FUNNEL = "SELECT day, step, viewed, completed, errors, ms_histogram FROM funnel_daily ORDER BY 1, 2"
RAW = (
    "SELECT visit_day(session_id, :zone), event_type, event_data ->> 'step', utm_source, session_id,"
    " (event_data ->> 'ms_on_step')::integer FROM analytics_events WHERE NOT is_bot"
)
LOWER_MS = (0, 1000, 2000, 5000, 10000, 20000, 30000, 60000, 120000, 300000, 600000, 1800000)


def days_ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def add(
    connection: Connection,
    visit: uuid.UUID,
    kind: str,
    step: str = "zip",
    ms: int = 7000,
    *,
    bot: bool = False,
) -> None:
    connection.execute(ADD, {"kind": kind, "step": step, "ms": ms, "visit": str(visit), "bot": bot})


def visit_at(connection: Connection, at: datetime) -> uuid.UUID:
    visit: uuid.UUID = connection.execute(text("SELECT uuid_v7(:at)"), {"at": at}).scalar_one()
    return visit


def read(engine: Engine, sql: str, **values: object) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql), values)]


def write(engine: Engine, sql: str, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(text(sql), values)


def refresh(engine: Engine, zone: str = PHOENIX) -> int:
    return transact(sessionmaker(engine), lambda session: rollups.refresh(session, zone))


@pytest.fixture
def state(owner: Engine, database: Engine) -> Iterator[Engine]:
    """The database, which has counted nothing yet and forgets afterwards what it has counted."""
    forget = (
        "UPDATE report_state SET last_xid = '0', last_snapshot = NULL, zone = NULL, cluster = NULL,"
        " raw_from = '-infinity', restored_at = '-infinity', refreshed_at = '-infinity'"
    )
    write(owner, forget)
    yield database
    write(owner, forget)


class Writers:
    """Twenty people who write for some seconds: slowly, late, and not always to the end."""

    def __init__(self, engine: Engine, seconds: float) -> None:
        """Begin later."""
        self.engine, self.until = engine, time.monotonic() + seconds
        self.errors: list[str] = []
        self.refreshes = self.refused = 0
        people = [threading.Thread(target=self.write, args=(seed,)) for seed in range(20)]
        self.threads = [*people, *(threading.Thread(target=self.refresh) for _ in range(3))]

    def run(self) -> None:
        for thread in self.threads:
            thread.start()
        for thread in self.threads:
            thread.join(60)

    def write(self, seed: int) -> None:
        dice = random.Random(seed)
        while time.monotonic() < self.until:
            try:
                with self.engine.connect() as connection:
                    late = dice.random() < 0.2
                    visit = visit_at(connection, days_ago(dice.uniform(0, 15) if late else 0))
                    for step in ("zip", "issue", "slot")[: dice.randint(1, 3)]:
                        for kind in ("step_viewed", "step_completed", "step_error")[: dice.randint(1, 3)]:
                            add(
                                connection, visit, kind, step, dice.randint(0, 90000), bot=dice.random() < 0.1
                            )
                    time.sleep(dice.uniform(0, 0.4))
                    if dice.random() >= 0.05:
                        connection.commit()
            except DBAPIError as error:
                self.errors.append(str(error))

    def refresh(self) -> None:
        while time.monotonic() < self.until:
            try:
                days = refresh(self.engine)
                self.refreshes += days >= 0
                self.refused += days < 0
            except DBAPIError as error:
                self.errors.append(str(error))
            time.sleep(0.05)


def test_the_rollups_equal_the_raw_rows_after_twenty_writers(database: Engine) -> None:
    writers = Writers(database, 8)
    writers.run()
    refresh(database)
    assert writers.errors == []
    assert writers.refreshes > 3
    raw = read(database, RAW, zone=PHOENIX)
    assert len(raw) > 300
    assert read(database, EVENTS) == count_events(raw)
    assert read(database, FUNNEL) == count_funnel(raw)
    assert_months_are_sums(database)


def count_events(raw: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Count by brute force what report_events_daily should hold."""
    groups: dict[tuple[object, ...], list[object]] = {}
    for row in raw:
        groups.setdefault(row[:4], []).append(row[4])
    return sorted((*key, len(visits), len(set(visits))) for key, visits in groups.items())


def count_funnel(raw: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Count by brute force what funnel_daily should hold."""
    lines = []
    for day, step in sorted({(row[0], row[2]) for row in raw}):
        mine = [row for row in raw if (row[0], row[2]) == (day, step)]
        of = {
            kind: [row for row in mine if row[1] == f"step_{kind}"]
            for kind in ("viewed", "completed", "error")
        }
        histogram = [0] * len(LOWER_MS)
        for row in of["completed"]:
            histogram[bisect_right(LOWER_MS, row[5]) - 1] += 1
        distinct = (len({row[4] for row in of[kind]}) for kind in ("viewed", "completed"))
        lines.append((day, step, *distinct, len(of["error"]), histogram))
    return lines


def assert_months_are_sums(engine: Engine) -> None:
    for table, columns in (("report_events", "events, sessions"), ("funnel", "viewed, completed, errors")):
        sums = ", ".join(f"sum({column.strip()})::bigint" for column in columns.split(","))
        by_day = f"SELECT date_trunc('month', day)::date, {sums} FROM {table}_daily GROUP BY 1 ORDER BY 1"
        assert read(engine, f"SELECT month, {sums} FROM {table}_monthly GROUP BY 1 ORDER BY 1") == read(
            engine, by_day
        )
    by_day = "SELECT topic, item, outcome, sum(n) FROM report_counts_daily GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    assert read(engine, by_day.replace("daily", "monthly")) == read(engine, by_day)
    histogram = "SELECT sum((SELECT sum(n) FROM unnest(ms_histogram) n)) FROM funnel_"
    assert read(engine, f"{histogram}daily") == read(engine, f"{histogram}monthly")


def test_time_on_step_is_counted_by_its_length_and_what_is_no_number_is_left_out(database: Engine) -> None:
    with database.begin() as connection:
        visit = visit_at(connection, days_ago(0))
        for ms in (500, 1000, 4999, 3_600_000):
            add(connection, visit, "step_completed", ms=ms)
        connection.execute(
            text(
                "INSERT INTO analytics_events (event_type, event_data, session_id) VALUES"
                ' (\'step_completed\', \'{"step": "zip", "channel": "organic", "ms_on_step": "long"}\', :visit)'
            ),
            {"visit": str(visit)},
        )
    refresh(database)
    assert read(database, "SELECT completed, ms_histogram FROM funnel_daily") == [
        (1, [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    ]
    counted = dict(read(database, "SELECT outcome, n FROM report_counts_daily WHERE topic = 'step'"))
    assert counted == {"completed": 1, "h00": 1, "h01": 1, "h02": 1, "h11": 1}


def test_a_visit_counts_on_the_day_it_began_so_that_days_add_up(database: Engine) -> None:
    with database.begin() as connection:
        visit = visit_at(connection, days_ago(1))
        add(connection, visit, "step_viewed", "zip")
        add(connection, visit, "step_viewed", "zip")  # the same step again, a day later
    refresh(database)
    day = days_ago(1).astimezone(ZoneInfo(PHOENIX)).date()
    assert read(database, "SELECT day, viewed FROM funnel_daily") == [(day, 1)]


def test_crawlers_are_left_out(database: Engine) -> None:
    with database.begin() as connection:
        add(connection, visit_at(connection, days_ago(0)), "step_viewed", bot=True)
    refresh(database)
    assert read(database, EVENTS) == []


def test_a_day_of_which_rows_are_gone_only_grows_and_counts_each_late_row_once(
    state: Engine, owner: Engine
) -> None:
    with state.begin() as connection:
        visit = visit_at(connection, days_ago(3))
        for _ in range(5):
            add(connection, visit, "step_viewed")
    refresh(state)
    write(owner, "DELETE FROM analytics_events WHERE id IN (SELECT id FROM analytics_events LIMIT 4)")
    write(owner, "UPDATE report_state SET raw_from = now() - interval '1 day' WHERE name = 'events'")
    with state.begin() as connection:
        add(connection, visit_at(connection, days_ago(3)), "step_viewed")
    with state.connect() as slow:
        add(slow, visit_at(slow, days_ago(3)), "step_viewed")
        for _ in range(3):
            refresh(state)
        assert read(state, "SELECT events, sessions FROM report_events_daily") == [(6, 2)]
        slow.commit()
    for _ in range(3):
        refresh(state)
    assert read(state, "SELECT events, sessions FROM report_events_daily") == [(7, 3)]
    assert read(state, "SELECT viewed FROM funnel_daily") == [(3,)]
    assert_months_are_sums(state)


def test_rows_that_came_by_a_dump_keep_the_history_and_are_counted_once(state: Engine, owner: Engine) -> None:
    history = days_ago(400).date()
    write(
        state,
        "INSERT INTO report_events_daily (day, event_type, events, sessions) VALUES (:day, 'step_viewed', 9, 9)",
        day=history,
    )
    with state.begin() as connection:
        add(connection, visit_at(connection, days_ago(2)), "step_viewed")
    write(owner, "UPDATE analytics_events SET tx = '9000000000', created_at = created_at - interval '2 days'")
    write(owner, "UPDATE report_state SET last_xid = '8000000000', cluster = 1, zone = NULL")
    assert refresh(state) == 1
    assert refresh(state) == 0, "a row from the other cluster must not look new for ever"
    with state.begin() as connection:
        add(connection, visit_at(connection, days_ago(0)), "step_viewed")
    assert refresh(state) == 1
    assert sorted(read(state, "SELECT events FROM report_events_daily")) == [(1,), (1,), (9,)]


def test_another_time_zone_is_refused_until_the_reports_are_rebuilt(state: Engine) -> None:
    evening = datetime.combine(days_ago(2).date(), datetime.min.time(), UTC) + timedelta(hours=3)
    with state.begin() as connection:
        add(connection, visit_at(connection, evening), "step_viewed")
    refresh(state)
    with pytest.raises(DBAPIError, match="set REPORT_TIMEZONE back"):
        refresh(state, BERLIN)
    assert read(state, "SELECT day FROM funnel_daily") == [(evening.date() - timedelta(days=1),)]
    transact(sessionmaker(state), lambda session: rollups.rebuild(session, BERLIN))
    refresh(state, BERLIN)
    assert (evening.date(), 1) in read(state, "SELECT day, viewed FROM funnel_daily")


def test_a_long_catch_up_goes_in_slices_and_says_when_it_is_done(state: Engine) -> None:
    refresh(state)
    before = read(state, "SELECT refreshed_at FROM report_state WHERE name = 'events'")
    with state.begin() as connection:
        for days in range(4):
            add(connection, visit_at(connection, days_ago(days)), "step_viewed")

    def slice_of(session: Session) -> int:
        return rollups.refresh(session, PHOENIX, timedelta(0))

    assert [transact(sessionmaker(state), slice_of) for _ in range(3)] == [1, 1, 1]
    assert read(state, "SELECT refreshed_at FROM report_state WHERE name = 'events'") == before
    assert read(state, "SELECT count(*) FROM report_due_days WHERE source = 'events'") == [(1,)]
    done = rollups.bring_up_to_date(lambda work: transact(sessionmaker(state), work), PHOENIX)
    assert done["days"] == 1
    assert read(state, "SELECT count(*), sum(events) FROM report_events_daily") == [(4, 4)]
    assert read(state, "SELECT refreshed_at FROM report_state WHERE name = 'events'") > before
    assert_months_are_sums(state)


def test_what_is_not_counted_yet_keeps_a_week_from_being_dropped(state: Engine) -> None:
    complete = "SELECT report_is_complete(now())"
    refresh(state)
    assert read(state, complete) == [(True,)]
    with state.begin() as connection:
        add(connection, visit_at(connection, days_ago(9)), "step_viewed")
    assert read(state, complete) == [(False,)]
    refresh(state)
    assert read(state, complete) == [(True,)]
    write(state, "INSERT INTO report_due_days VALUES ('events', :day)", day=date(2026, 1, 1))
    assert read(state, complete) == [(False,)]
