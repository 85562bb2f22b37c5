"""The hot statements find their rows by index, in one partition: seen in the plans of the statements themselves."""

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, TextClause, text
from sqlalchemy.orm import Session

from app import clock
from app.booking import manage_links, promise, slots
from app.jobs import dispatch
from app.outbox import ORDERED, JobType
from app.wizard import visit as visits
from tests.factories import add_area, add_slot

ID = uuid.UUID("01a00000-0000-7000-8000-000000000000")


@pytest.fixture
def planner(session: Session) -> Session:
    """A session whose planner takes an index where there is one: on a few rows it would read them all instead."""
    session.execute(text("SET LOCAL enable_seqscan = off"))
    return session


@pytest.fixture
def informed(app: Flask, owner: Engine) -> Iterator[Session]:
    """The same for the tables' owner, who may count them anew: other tests leave the word that they are empty."""
    with owner.connect() as connection:
        session = Session(connection)
        session.execute(text("SET LOCAL enable_seqscan = off"))
        yield session
        session.rollback()


def plan(session: Session, statement: TextClause, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Every node of a statement's plan, run for real."""
    explained = text(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, FORMAT JSON) {statement.text}")
    found = session.execute(explained, values).scalar_one()
    nodes, at = [found[0]["Plan"]], 0
    while at < len(nodes):
        nodes += nodes[at].get("Plans", [])
        at += 1
    return nodes


def indexes(nodes: list[dict[str, Any]]) -> set[str]:
    return {node["Index Name"] for node in nodes if "Index Name" in node}


def read(nodes: list[dict[str, Any]], table: str) -> list[str]:
    """The tables and partitions of this name that were looked into at all."""
    return [
        node["Relation Name"]
        for node in nodes
        if node.get("Relation Name", "").startswith(table) and node["Actual Loops"] > 0
    ]


def whole_tables(nodes: list[dict[str, Any]]) -> list[str]:
    return [node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"]


def add_booking(session: Session) -> uuid.UUID:
    """Add a booking and its link, made now."""
    area = add_area(session)
    customer = session.execute(
        text(
            "INSERT INTO customers (first_name, last_name, email, phone)"
            " VALUES ('Ana', 'Ruiz', 'plan@example.com', '+16025550123') RETURNING id"
        )
    ).scalar_one()
    booking: uuid.UUID = session.execute(
        text(
            "INSERT INTO bookings (customer_id, service_area_id, issue_type, door_count, homeowner_status, preferred_time, window_end,"
            " address_line1) VALUES (:customer, :area, 'broken_spring', 1, 'owner', now(), now() + interval '2 hours', '12 Oak Street')"
            " RETURNING id"
        ),
        {"customer": customer, "area": area},
    ).scalar_one()
    session.execute(
        text("INSERT INTO manage_links (token_hash, nonce, booking_id) VALUES ('hash', 'nonce', :id)"),
        {"id": booking},
    )
    return booking


def add_neighbours(session: Session, booking: uuid.UUID) -> None:
    """Add bookings of the same minute with their links and jobs, and let the planner know."""
    session.execute(
        text(
            "WITH more AS (INSERT INTO bookings (customer_id, service_area_id, issue_type, door_count, homeowner_status, preferred_time,"
            " window_end, address_line1) SELECT customer_id, service_area_id, issue_type, door_count, homeowner_status, preferred_time,"
            " window_end, address_line1 FROM bookings, generate_series(1, 500) WHERE id = :id RETURNING id),"
            " jobs AS (INSERT INTO queue_jobs (queue_name, job_type, booking_id)"
            " SELECT 'critical', 'servicetitan.create_job', id FROM more)"
            " INSERT INTO manage_links (token_hash, nonce, booking_id) SELECT uuid_send(id), 'nonce', id FROM more"
        ),
        {"id": booking},
    )
    session.execute(text("ANALYZE bookings, manage_links, queue_jobs"))


def test_a_visit_is_loaded_by_its_key(planner: Session) -> None:
    for statement in (visits.LOAD, visits.LOAD_LOCKED):
        nodes = plan(planner, statement, {"id": ID})
        assert indexes(nodes) == {"wizard_sessions_pkey"}


def test_open_windows_come_from_the_index_of_open_windows(planner: Session) -> None:
    area = add_area(planner)
    add_slot(planner, area)
    lead, until = timedelta(hours=2), clock.now() + timedelta(days=14)
    body = planner.execute(text("SELECT prosrc FROM pg_proc WHERE proname = 'open_slots'")).scalar_one()
    for name in ("p_area", "p_visit", "p_lead", "p_until"):
        body = body.replace(name, f":{name}")
    inside = {"p_area": area, "p_visit": ID, "p_lead": lead, "p_until": until}
    nodes = plan(planner, text(body), inside)
    assert "idx_time_slots_available" in indexes(nodes)
    assert not whole_tables(nodes)
    assert len(slots.open_slots(planner, area, ID, lead, clock.now())) == 1


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("SELECT * FROM time_slots WHERE id = :id FOR NO KEY UPDATE", "time_slots_pkey"),
        ("SELECT 1 FROM slot_capacity WHERE external_slot_id = :text FOR NO KEY UPDATE", "slot_capacity_pkey"),
        ("SELECT count(*) FROM time_slots WHERE held_addr = :bytes AND held_until > clock_timestamp()", "idx_time_slots_held_addr"),
        ("SELECT id FROM time_slots WHERE external_slot_id = :text AND held_until > clock_timestamp()", "idx_time_slots_external"),
        ("UPDATE time_slots SET held_by = NULL, held_until = NULL WHERE held_by = :id", "idx_time_slots_held_by"),
        ("SELECT external_slot_id FROM time_slots WHERE booking_id = :id FOR NO KEY UPDATE", "time_slots_booking_key"),
        ("SELECT id FROM customers WHERE email = :text", "idx_customers_email"),
    ],
)  # fmt: skip
def test_hold_claim_and_release_touch_single_rows(planner: Session, statement: str, index: str) -> None:
    nodes = plan(planner, text(statement), {"id": ID, "text": "words", "bytes": b"hash"})
    assert indexes(nodes) == {index}
    assert not whole_tables(nodes)


def test_what_hold_and_claim_ask_is_what_was_planned_above(planner: Session) -> None:
    bodies = planner.execute(
        text("SELECT string_agg(prosrc, ' ') FROM pg_proc WHERE proname IN ('hold_slot', 'claim_slot', 'release_slot', 'slot_room')")
    ).scalar_one()  # fmt: skip
    for condition in (
        "WHERE id = p_slot",
        "external_slot_id = p_key",
        "held_addr = p_address",
        "held_by = p_visit",
        "booking_id = p_booking",
    ):
        assert condition in bodies


def test_a_booking_is_found_by_its_id_in_one_partition(informed: Session) -> None:
    booking = add_booking(informed)
    add_neighbours(informed, booking)
    nodes = plan(informed, promise.FIND, {"id": booking, "move_job": JobType.MOVE_JOB})
    assert len(read(nodes, "bookings_")) == 1
    assert not whole_tables(nodes)


def test_the_done_page_of_an_unprepared_and_of_a_prepared_statement_reads_one_partition(
    planner: Session,
) -> None:
    booking = add_booking(planner)
    planner.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
    planner.execute(text("PREPARE by_id (uuid) AS SELECT status FROM bookings WHERE id = $1"))
    found = planner.execute(
        text(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, FORMAT JSON) EXECUTE by_id ('{booking}')")
    ).scalar_one()
    append = found[0]["Plan"]
    assert append["Subplans Removed"] > 5
    assert len(read([append, *append["Plans"]], "bookings_")) == 1


def test_a_manage_link_leads_to_one_partition(informed: Session) -> None:
    add_neighbours(informed, add_booking(informed))
    nodes = plan(informed, manage_links.FIND, {"token_hash": b"hash"})
    assert "manage_links_pkey" in indexes(nodes)
    assert len(read(nodes, "bookings_")) == 1
    assert not whole_tables(nodes)


def test_due_jobs_come_from_the_index_of_pending_ones(planner: Session) -> None:
    kinds = [kind.value for kind in JobType]
    values = {"queue": "critical", "types": kinds, "ordered": list(ORDERED), "room": 4}
    pending = {"idx_queue_jobs_queue", "idx_queue_jobs_scheduled", "idx_queue_jobs_priority"}
    for statement in (dispatch.CHOOSE_OLD, dispatch.CHOOSE_NEW):
        nodes = plan(planner, statement, values)
        assert indexes(nodes) & pending
        assert not whole_tables(nodes)


def test_a_days_bookings_are_read_from_the_month_they_are_in(planner: Session) -> None:
    add_booking(planner)
    recent = text(
        "SELECT count(*) FROM bookings WHERE id >= uuid_v7_floor(now() - interval '1 hour') AND id < uuid_v7_floor(now() + interval '1 hour')"
    )
    assert len(read(plan(planner, recent, {}), "bookings_")) <= 2


def test_plans_are_looked_at_as_they_run(planner: Session) -> None:
    """The control: a statement without an index is seen to read the whole table."""
    nodes = plan(
        planner,
        text("SELECT 1 FROM wizard_sessions WHERE answers = CAST(:answers AS jsonb)"),
        {"answers": json.dumps({})},
    )
    assert whole_tables(nodes) == ["wizard_sessions"]
