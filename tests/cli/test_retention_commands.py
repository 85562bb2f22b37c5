"""What the operator types to keep partitions ahead and to delete what is over, and what it answers."""

import json
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from app.cli.retention import in_short
from app.maintenance import retention

LEAD = (
    "INSERT INTO leads (kind, status, updated_at) VALUES ('callback', 'closed', now() - interval '3 years')"
)


def add_old_lead(database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text(LEAD))


def rows_of(database: Engine, table: str) -> int:
    with database.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_a_dry_run_prints_what_would_go_and_leaves_no_trace(app: Flask, database: Engine) -> None:
    add_old_lead(database)
    done = app.test_cli_runner().invoke(args=["retention", "run", "--dry-run"])
    assert done.exit_code == 0
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:]] == [["leads", "1"]]
    assert (rows_of(database, "leads"), rows_of(database, "task_runs")) == (1, 0)


@pytest.mark.parametrize(
    ("parts", "shown"),
    [((), "-"), (("a", "b"), "a b"), (tuple("abcdef"), "a to f (6)")],
)
def test_years_of_weeks_are_named_in_short(parts: tuple[str, ...], shown: str) -> None:
    assert in_short(parts) == shown


def test_a_run_tells_its_progress_beside_its_result_and_is_written_down(app: Flask, database: Engine) -> None:
    add_old_lead(database)
    done = app.test_cli_runner().invoke(args=["retention", "run", "--json"])
    assert done.exit_code == 0
    assert {outcome["rule"]: outcome["rows"] for outcome in json.loads(done.stdout)}["leads"] == 1
    assert "leads: 1 rows" in done.stderr
    assert rows_of(database, "leads") == 0
    with database.connect() as connection:
        run = connection.execute(text("SELECT name, ok, figures FROM task_runs")).one()
    assert tuple(run) == ("retention", True, {"gone": {"leads": 1}})
    again = app.test_cli_runner().invoke(args=["retention", "run", "--only", "leads"])
    assert (again.exit_code, again.stdout) == (0, "Nothing was over.\n")


def test_a_second_run_says_so_and_ends_well(app: Flask, database: Engine) -> None:
    add_old_lead(database)
    with retention.only_one(database):
        done = app.test_cli_runner().invoke(args=["retention", "run"])
    assert (done.exit_code, done.stdout) == (0, "")
    assert "another run is at work" in done.stderr
    assert rows_of(database, "leads") == 1


@pytest.fixture
def old_month(database: Engine, owner: Engine) -> Iterator[None]:
    """A month that is over, with nothing in it."""
    with database.begin() as connection:
        connection.execute(
            text("SELECT make_partition('bookings', date_trunc('month', now() - interval '8 years', 'UTC'))")
        )
    yield
    with owner.begin() as connection:
        name = connection.execute(
            text("SELECT 'bookings_' || to_char(month, 'YYYY_MM') FROM booking_months() LIMIT 1")
        ).scalar_one()
        connection.execute(text(f"ALTER TABLE bookings DETACH PARTITION {name}"))
        connection.execute(text(f"DROP TABLE {name}"))


@pytest.mark.usefixtures("old_month")
def test_a_rule_that_cannot_end_is_told_and_keeps_no_other_from_its_turn(
    app: Flask, database: Engine
) -> None:
    add_old_lead(database)
    done = app.test_cli_runner().invoke(args=["retention", "run"])
    assert done.exit_code == 1
    assert "ARCHIVE_FOLDER is not set" in done.stdout
    assert rows_of(database, "leads") == 0
    with database.connect() as connection:
        run = connection.execute(text("SELECT ok, figures FROM task_runs")).one()
    assert (run.ok, list(run.figures["faults"])) == (False, ["bookings"])


def test_partitions_say_how_far_they_reach(app: Flask, database: Engine) -> None:
    assert "0 partitions made" in app.test_cli_runner().invoke(args=["partitions", "ensure"]).output
    status = app.test_cli_runner().invoke(args=["partitions", "status"]).output
    assert [line.partition(":")[0] for line in status.splitlines()] == ["bookings", "analytics_events"]
