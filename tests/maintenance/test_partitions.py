"""Months and weeks are made one by one, beside bookings, also over the year's end and where one in the middle is missing."""

import re
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import sessionmaker

from app.maintenance import partitions
from app.maintenance.patience import TooBusy, patiently
from app.staff import operations
from tests.maintenance.copies import Copy
from tests.maintenance.load import Load

NEXT = "SELECT part FROM partition_plan(now(), now() + interval '14 months', now() + interval '12 weeks') WHERE parent = :parent ORDER BY starts OFFSET :n LIMIT 1"


def remove(owner: Engine, parent: str, number: int) -> str:
    """Take away the partition that many months or weeks ahead."""
    with owner.begin() as connection:
        name: str = connection.execute(text(NEXT), {"parent": parent, "n": number}).scalar_one()
        connection.execute(text(f"ALTER TABLE {parent} DETACH PARTITION {name}"))
        connection.execute(text(f"DROP TABLE {name}"))
    return name


def horizon(database: Copy, at: datetime | None = None) -> dict[str, float]:
    with sessionmaker(database.app)() as session:
        return partitions.horizon(session, at)


def test_the_clock_moves_on_and_there_is_always_room_ahead(spare: Copy) -> None:
    start = datetime.now(UTC)
    for months in range(0, 30, 5):
        at = start + timedelta(days=30.5 * months)
        done = partitions.upkeep(sessionmaker(spare.app), at)
        assert done.faults == ()
        assert (done.made > 0) == (months > 0)
        ahead = horizon(spare, at)
        assert ahead["bookings"] > 420
        assert ahead["analytics_events"] > 83
        with spare.app.begin() as connection:
            for day in range(0, 400, 9):
                moment = at + timedelta(days=day)
                found = connection.execute(
                    text(
                        "SELECT bool_and(attached) FROM partition_plan(:at, :at, CAST(:at AS timestamptz) - interval '1 week')"
                    ),
                    {"at": moment},
                ).scalar_one()
                assert found, moment


def test_a_gap_in_the_middle_ends_the_horizon_and_is_filled(spare: Copy) -> None:
    whole = horizon(spare)
    missing = remove(spare.owner, "bookings", 3), remove(spare.owner, "analytics_events", 2)
    cut = horizon(spare)
    assert cut["bookings"] < 93
    assert cut["analytics_events"] < 15
    with sessionmaker(spare.app)() as session:
        check = operations.check_partitions(session)
    assert check.ok is False
    assert f"{cut['analytics_events']:.0f} days of events" in check.says
    assert partitions.upkeep(sessionmaker(spare.app)).made == len(missing)
    assert horizon(spare) == pytest.approx(whole, abs=0.01)


def test_a_gap_is_told_by_readiness_figures_and_doctor_and_closed_by_the_command(
    app: Flask, database: Engine, owner: Engine
) -> None:
    remove(owner, "bookings", 1)
    remove(owner, "analytics_events", 1)
    client, runner = app.test_client(), app.test_cli_runner()
    told = client.get("/readyz")
    assert told.status_code == 503
    assert not told.json["checks"]["bookings_partition"]
    assert not told.json["checks"]["events_partition"]
    assert told.json["beside"]["partition_days"]["bookings"] < 32
    shown = client.get("/metrics", headers={"Authorization": "Bearer metrics-token-for-tests"}).text
    days = re.findall(r'a1_partition_horizon_days\{table="(\w+)"\} (\S+)', shown)
    assert [(table, float(figure) < 32) for table, figure in sorted(days)] == [
        ("analytics_events", True),
        ("bookings", True),
    ]
    assert "flask --app wsgi partitions ensure" in runner.invoke(args=["doctor"]).output
    assert "2 partitions made" in runner.invoke(args=["partitions", "ensure"]).output
    assert client.get("/readyz").status_code == 200


def test_the_present_month_is_made_before_all_others(spare: Copy) -> None:
    remove(spare.owner, "bookings", 5)
    now = remove(spare.owner, "bookings", 0)
    with sessionmaker(spare.app)() as session:
        first = partitions.read_missing(session, None)[0]
    assert f"bookings_{first[1]:%Y_%m}" == now


def test_what_has_the_name_and_is_not_attached_does_not_count_as_there(spare: Copy) -> None:
    name = remove(spare.owner, "bookings", 2)
    remove(spare.owner, "bookings", 4)
    with spare.owner.begin() as connection:
        connection.execute(text(f"CREATE TABLE {name} (LIKE bookings)"))
    assert horizon(spare)["bookings"] < 62
    done = partitions.upkeep(sessionmaker(spare.app))
    assert done.made == 1
    assert [f"{name} exists and is not a partition of bookings" in fault for fault in done.faults] == [True]


def test_a_week_that_was_counted_and_dropped_is_not_made_again(spare: Copy) -> None:
    with spare.owner.begin() as connection:
        name = connection.execute(
            text("SELECT part FROM partition_plan(now(), now(), now()) WHERE parent = 'analytics_events'")
        ).scalar_one()
        connection.execute(text(f"ALTER TABLE analytics_events DETACH PARTITION {name}"))
        connection.execute(text(f"DROP TABLE {name}"))
        connection.execute(
            text("UPDATE report_state SET raw_from = now() + interval '7 days' WHERE name = 'events'")
        )
    assert partitions.upkeep(sessionmaker(spare.app)).made == 0


@pytest.mark.parametrize(
    ("parent", "starts"),
    [
        ("customers", "date_trunc('month', now(), 'UTC')"),
        ("bookings", "date_trunc('month', now(), 'UTC') + interval '1 day'"),
        ("bookings", "date_trunc('month', now() + interval '11 years', 'UTC')"),
        ("analytics_events", "date_trunc('month', now() - interval '30 years', 'UTC')"),
        ("bookings; DROP TABLE bookings", "now()"),
    ],
)
def test_the_owner_s_function_makes_nothing_else(spare: Copy, parent: str, starts: str) -> None:
    with (
        spare.app.connect() as connection,
        pytest.raises(DBAPIError, match=r"has no partition|too far from today"),
    ):
        connection.execute(text(f"SELECT make_partition(:parent, {starts})"), {"parent": parent})


def test_upkeep_steps_back_from_an_open_booking_and_comes_again(spare: Copy) -> None:
    remove(spare.owner, "bookings", 14)
    with spare.owner.connect() as busy:
        busy.execute(text("SELECT 1 FROM customers LIMIT 1 FOR UPDATE"))
        busy.execute(text("LOCK TABLE customers IN ROW EXCLUSIVE MODE"))
        with pytest.raises(TooBusy):
            patiently(
                sessionmaker(spare.app),
                lambda s: partitions.make(s, *partitions.read_missing(s, None)[0]),
                tries=2,
            )
        threading.Timer(0.5, busy.rollback).start()
        done = partitions.upkeep(sessionmaker(spare.app))
    assert (done.made, done.faults) == (1, ())
    assert done.waits > 0


def test_bookings_flow_while_partitions_are_made(spare: Copy) -> None:
    for number in range(14, 4, -1):
        remove(spare.owner, "bookings", number)
    for number in range(12, 4, -1):
        remove(spare.owner, "analytics_events", number)
    with Load(spare) as load:
        time.sleep(0.5)
        done = partitions.upkeep(sessionmaker(spare.app))
        time.sleep(0.5)
    assert (done.made, done.faults) == (18, ())
    assert load.errors == []
    assert load.booked > 10
    assert load.lost() == 0
