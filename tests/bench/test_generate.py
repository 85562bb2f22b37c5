"""The rows that benches make keep every promise the schema makes, those it cannot enforce by itself included."""

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, text

from bench.generate import Size, fill
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
            fill(cluster, SMALL)
            engine = create_engine(cluster.url("a1_owner"))
            yield engine
            engine.dispose()
            with psycopg.connect(superuser(cluster, "postgres")) as admin:
                assert admin.execute("SELECT 1").fetchone() == (1,)


def number(engine: Engine, statement: str) -> int:
    with engine.connect() as connection:
        return connection.execute(text(statement)).scalar_one()


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
        "SELECT count(*) FROM bookings b WHERE b.status <> 'completed' AND b.status <> (SELECT h.to_status"
        " FROM booking_status_history h WHERE h.booking_id = b.id ORDER BY h.at DESC LIMIT 1)"
    )
    assert number(made, "SELECT count(DISTINCT booking_id) FROM booking_status_history") == SMALL.bookings
    assert number(made, wrong) < SMALL.bookings / 20  # what happens after tonight has no row yet


def test_some_people_come_again(made: Engine) -> None:
    assert 1 < SMALL.bookings / number(made, "SELECT count(DISTINCT customer_id) FROM bookings") < 3


def test_the_reports_count_what_is_there(made: Engine) -> None:
    raw = "SELECT count(*) FROM analytics_events WHERE NOT is_bot"
    assert number(made, "SELECT sum(events)::bigint FROM report_events_daily") == number(made, raw)
