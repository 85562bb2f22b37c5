"""The rows that benches make keep every promise the schema makes, those it cannot enforce by itself included."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from app.maintenance.integrity import checks, looking
from app.staff.reports import REPORTS
from bench import reports
from bench.generate import Size, settle, write_rows
from bench.scratch import migrate, scratch_cluster, superuser

SMALL = Size(bookings=1200, events=8000, slots=4000, months=14, areas=10)
REFERENCES = text(
    "SELECT c.conname, c.conrelid::regclass::text, a.attname, c.confrelid::regclass::text FROM pg_constraint c"
    " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]"
    " WHERE c.contype = 'f' AND c.conparentid = 0"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A small database, made as the large one is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIGRATION_DATABASE_URL", "")
        with scratch_cluster(tmp_path_factory.mktemp("years")) as cluster:
            migrate(cluster)
            assert write_rows(cluster, SMALL)
            assert write_rows(cluster, SMALL) == []  # nothing twice
            settle(cluster)
            engine = create_engine(cluster.url("a1_owner"))
            yield engine
            engine.dispose()
            with psycopg.connect(superuser(cluster, "postgres")) as admin:
                assert admin.execute("SELECT 1").fetchone() == (1,)


def number(engine: Engine, statement: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(statement)).scalar_one())


def test_there_is_as_much_as_was_asked_for(made: Engine) -> None:
    assert number(made, "SELECT count(*) FROM bookings") == SMALL.bookings
    assert 0.8 < number(made, "SELECT count(*) FROM analytics_events") / SMALL.events < 1.2
    assert 0.8 < number(made, "SELECT count(*) FROM time_slots") / SMALL.slots < 1.2
    assert number(made, "SELECT count(DISTINCT date_trunc('month', created_at)) FROM bookings") in {13, 14}


def test_no_reference_leads_nowhere(made: Engine) -> None:
    with made.connect() as connection:
        references = connection.execute(REFERENCES).all()
    assert len(references) >= 6
    for name, child, column, parent in references:
        lost = f"SELECT count(*) FROM {child} c WHERE c.{column} IS NOT NULL AND NOT EXISTS (SELECT FROM {parent} p WHERE p.id = c.{column})"
        assert number(made, lost) == 0, name


def test_a_window_is_sold_to_the_booking_that_names_it(made: Engine) -> None:
    live = "b.status <> 'cancelled' AND b.time_slot_id IS NOT NULL"
    sold = number(made, "SELECT count(*) FROM time_slots WHERE booking_id IS NOT NULL")
    assert sold == number(made, f"SELECT count(*) FROM bookings b WHERE {live}") > 100
    agreed = "SELECT count(*) FROM bookings b JOIN time_slots s ON s.id = b.time_slot_id AND s.booking_id = b.id AND s.starts_at = b.preferred_time"
    assert number(made, f"{agreed} AND s.service_area_id = b.service_area_id") == sold


def test_crews_know_what_is_sold(made: Engine) -> None:
    wrong = (
        "SELECT count(*) FROM slot_capacity c WHERE taken <> (SELECT count(*) FROM time_slots s"
        " WHERE s.external_slot_id = c.external_slot_id AND s.booking_id IS NOT NULL)"
    )
    assert number(made, wrong) == 0


def test_the_history_of_a_booking_ends_where_it_stands(made: Engine) -> None:
    wrong = (
        "SELECT count(*) FROM bookings b WHERE b.status <> (SELECT h.to_status"
        " FROM booking_status_history h WHERE h.booking_id = b.id ORDER BY h.at DESC, h.id DESC LIMIT 1)"
    )
    assert number(made, "SELECT count(DISTINCT booking_id) FROM booking_status_history") == SMALL.bookings
    assert number(made, wrong) == 0


def test_some_people_come_again(made: Engine) -> None:
    assert 1 < SMALL.bookings / number(made, "SELECT count(DISTINCT customer_id) FROM bookings") < 3


def test_the_reports_count_what_is_there(made: Engine) -> None:
    raw = "SELECT count(*) FROM analytics_events WHERE NOT is_bot"
    assert number(made, "SELECT sum(events)::bigint FROM report_events_daily") == number(made, raw)


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.name)
def test_every_invariant_of_the_product_holds(made: Engine, check: checks.Check) -> None:
    now = datetime.now(UTC)
    kept = looking.Scope(looking.EVERYTHING, now - timedelta(days=292), now - timedelta(days=24))
    with Session(made) as session:
        assert looking.ask(session, check, kept) is None


def test_each_report_is_timed_as_it_comes_and_narrowed(made: Engine) -> None:
    times = reports.time_all(made)
    assert {name for name, _ in times} >= {report.name for report in REPORTS} | {"funnel, narrowed"}
    assert {days for _, days in times} == set(reports.RANGES)
    assert all(milliseconds > 0 for milliseconds in times.values())


def test_the_funnel_is_compared_with_the_raw_rows(made: Engine) -> None:
    with made.connect() as connection:
        assert reports.funnel_is_right(connection)
        connection.execute(
            text(
                "UPDATE funnel_daily SET viewed = viewed + 1 WHERE day = (SELECT max(day) - 7 FROM funnel_daily)"
            )
        )
        assert not reports.funnel_is_right(connection)


def test_a_booking_is_looked_up_in_one_partition(made: Engine) -> None:
    with made.connect() as connection:
        assert reports.partitions_of_a_lookup(connection) == 1
