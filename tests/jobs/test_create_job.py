"""A booking becomes exactly one job in ServiceTitan, whatever happens on the way."""

import pytest
from sqlalchemy import Engine

from app.jobs import attribute_job, create_job, lease, runner
from app.jobs.process import Process
from app.outbox import JobType
from app.providers.ports import JobStatus, WebTouch
from tests.jobs.booked import Wish, book, booking, cancel, do, during, job_of, rows, run_all, run_type
from tests.jobs.upstream_office import office
from tests.providers.simulated import JOBS, Simulator

CREATE = JobType.CREATE_JOB


def test_a_booking_is_confirmed_once_its_job_exists(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    run_all(process)
    made = sim.effects("servicetitan", "job")
    assert [(effect["key"], effect["count"]) for effect in made] == [(str(booking_id), 1)]
    row = booking(process, booking_id)
    assert (row.status, row.servicetitan_job_id) == ("confirmed", made[0]["id"])
    assert row.upstream_slot_key is not None
    assert row.upstream_since is not None
    history = rows(
        process, "SELECT from_status, to_status, actor FROM booking_status_history ORDER BY at, id"
    )
    assert [tuple(edge) for edge in history][-1] == ("pending", "confirmed", "servicetitan")


def test_the_confirmation_is_counted_with_the_last_touch(process: Process) -> None:
    booking_id = book(process)
    run_all(process)
    events = rows(process, "SELECT * FROM analytics_events WHERE event_type = 'booking_confirmed'")
    assert [(event.booking_id, event.utm_source, event.gclid) for event in events] == [
        (booking_id, "google", "click-1")
    ]


def test_analytics_out_of_order_never_costs_a_confirmation(process: Process, owner: Engine) -> None:
    booking_id = book(process)
    with owner.begin() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE analytics_events ADD CONSTRAINT broken CHECK (false) NOT VALID"
        )
    try:
        run_type(process, booking_id, CREATE)
    finally:
        with owner.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE analytics_events DROP CONSTRAINT broken")
    assert booking(process, booking_id).status == "confirmed"


@pytest.mark.parametrize("mode", ["drop_after_commit", "garbage", "empty"])
def test_an_answer_that_was_lost_is_looked_up_and_not_asked_for_again(
    process: Process, sim: Simulator, mode: str
) -> None:
    booking_id = book(process)
    sim.fault("servicetitan", mode, "POST", JOBS)
    after = run_type(process, booking_id, CREATE)
    assert (after.status, after.attempts) == ("pending", 1)
    assert run_type(process, booking_id, CREATE).status == "completed"
    assert [effect["count"] for effect in sim.effects("servicetitan", "job")] == [1]
    assert booking(process, booking_id).status == "confirmed"


def test_after_an_unclear_create_two_empty_looks_are_needed_before_it_is_repeated(
    process: Process, sim: Simulator
) -> None:
    booking_id = book(process)
    sim.fault("servicetitan", "drop_before", "POST", JOBS)
    run_type(process, booking_id, CREATE)
    first_look = run_type(process, booking_id, CREATE)
    assert (first_look.status, first_look.provider_ref["looked"]) == ("pending", True)
    assert len(sim.calls(JOBS)) == 3  # look, lost create, look
    assert run_type(process, booking_id, CREATE).outcome == "ok"
    assert [effect["count"] for effect in sim.effects("servicetitan", "job")] == [1]


def test_a_refused_connection_needs_no_second_look(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    sim.fault("servicetitan", "rate_limit", "POST", JOBS, retry_after=0)
    throttled = run_type(process, booking_id, CREATE)
    assert (throttled.status, throttled.attempts, throttled.defer_count) == ("pending", 0, 1)
    assert run_type(process, booking_id, CREATE).outcome == "ok"


def test_what_is_known_is_stored_step_by_step_and_not_asked_for_again(
    process: Process, sim: Simulator
) -> None:
    booking_id = book(process)
    sim.fault("servicetitan", "error", "POST", JOBS, status=503)
    known = run_type(process, booking_id, CREATE).provider_ref
    assert known["customer_id"]
    assert known["location_id"]
    customers = len(sim.calls("/customers"))
    run_type(process, booking_id, CREATE)
    run_type(process, booking_id, CREATE)
    assert len(sim.calls("/customers")) == customers
    assert job_of(process, booking_id, CREATE).outcome == "ok"


def test_a_refusal_for_good_goes_to_the_office(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    sim.fault("servicetitan", "error", "POST", JOBS, status=400)
    refused = run_type(process, booking_id, CREATE)
    assert (refused.status, refused.outcome) == ("failed", "permanent")
    row = booking(process, booking_id)
    assert row.status == "pending"
    assert "no job" in row.needs_attention


def test_wrong_credentials_cost_no_attempt_and_hold_the_provider_back(
    process: Process, sim: Simulator
) -> None:
    booking_id = book(process)
    sim.fault("servicetitan", "error", path="/connect/token", status=401, times=4)
    held = run_type(process, booking_id, CREATE)
    assert (held.status, held.attempts) == ("pending", 0)
    assert (
        rows(process, "SELECT state FROM provider_health WHERE provider = 'servicetitan'")[0].state == "open"
    )


def test_cancelled_while_the_job_is_being_made_ends_cancelled_there_too(
    process: Process, sim: Simulator
) -> None:
    booking_id = book(process)
    service = process.adapters.field_service
    service.create_job = during(service, "create_job", lambda: cancel(process, booking_id))
    run_all(process)
    assert booking(process, booking_id).status == "cancelled"
    assert [effect["key"] for effect in sim.effects("servicetitan", "job")] == [str(booking_id)]
    assert len(sim.effects("servicetitan", "cancel")) == 1
    assert service.find_job(booking_id).status is JobStatus.CANCELLED
    assert booking(process, booking_id).upstream_slot_key is None


def test_a_cancel_that_nobody_asked_the_provider_for_is_asked_for_by_the_create(
    process: Process, sim: Simulator
) -> None:
    booking_id = book(process)
    service = process.adapters.field_service
    sql = "UPDATE bookings SET status = 'cancelled', version = version + 1 WHERE id = :id"
    service.create_job = during(service, "create_job", lambda: do(process, sql, id=booking_id))
    run_all(process)
    assert len(sim.effects("servicetitan", "cancel")) == 1


def test_an_unclear_create_of_a_cancelled_booking_only_looks(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    sim.fault("servicetitan", "drop_before", "POST", JOBS)
    run_type(process, booking_id, CREATE)
    cancel(process, booking_id)
    run_type(process, booking_id, CREATE)
    ended = run_type(process, booking_id, CREATE)
    assert (ended.status, ended.outcome) == ("completed", "cancelled")
    assert sim.effects("servicetitan", "job") == []


def test_the_confirmations_do_not_wait_once_the_job_exists(process: Process) -> None:
    booking_id = book(process)
    assert (
        job_of(process, booking_id, JobType.SEND_EMAIL).scheduled_at
        > job_of(process, booking_id, CREATE).scheduled_at
    )
    runner.run(process, job_of(process, booking_id, CREATE).id)
    for kind in (JobType.SEND_EMAIL, JobType.SEND_SMS):
        runner.run(process, job_of(process, booking_id, kind).id)
        assert job_of(process, booking_id, kind).outcome == "ok"


def test_a_booking_that_moved_meanwhile_is_moved_there_too(process: Process) -> None:
    booking_id = book(process)
    service = process.adapters.field_service
    sql = (
        "UPDATE bookings SET preferred_time = preferred_time + interval '1 day', window_end = window_end + interval '1 day',"
        " version = version + 1 WHERE id = :id"
    )
    service.create_job = during(service, "create_job", lambda: do(process, sql, id=booking_id))
    run_type(process, booking_id, CREATE)
    assert job_of(process, booking_id, JobType.MOVE_JOB).dedupe_key == f"{JobType.MOVE_JOB}:{booking_id}:2"
    run_all(process)
    row = booking(process, booking_id)
    assert (row.status, row.needs_attention) == ("confirmed", None)
    visit = service.get_visit(row.servicetitan_job_id)
    assert (visit.starts_at, visit.ends_at) == (row.preferred_time, row.window_end)


def test_the_appointment_and_the_standing_are_stored_with_the_job(process: Process) -> None:
    booking_id = book(process)
    run_all(process)
    row = booking(process, booking_id)
    visit = process.adapters.field_service.get_visit(row.servicetitan_job_id)
    assert (row.servicetitan_appointment_id, row.upstream_status) == (visit.appointment_id, "scheduled")


def test_a_customer_the_office_does_not_serve_gets_no_job(process: Process, sim: Simulator) -> None:
    run_type(process, book(process), CREATE)
    customer = next(iter(sim.world.office.customers))
    office(sim, "patch", f"customers/{customer}", doNotService=True)
    booking_id = book(process, Wish(day=3))
    assert run_type(process, booking_id, CREATE).outcome == "permanent"
    row = booking(process, booking_id)
    assert (row.status, row.needs_attention) == ("pending", create_job.NO_SERVICE)
    assert len(sim.effects("servicetitan", "job")) == 1


def test_a_number_not_to_be_texted_there_is_not_texted_by_us(process: Process, sim: Simulator) -> None:
    run_type(process, book(process), CREATE)
    office(sim, "post", "do-not-text", phone="6025550123")
    booking_id = book(process, Wish(day=3))
    run_all(process)
    kept = rows(process, "SELECT method, booking_id FROM consents WHERE action = 'opt_out'")
    assert [tuple(row) for row in kept] == [("webhook", booking_id)]
    assert run_type(process, booking_id, JobType.SEND_SMS).outcome == "cancelled"
    assert booking(process, booking_id).status == "confirmed"


def test_the_order_says_where_the_booking_came_from(process: Process, sim: Simulator) -> None:
    first, second = book(process), book(process, Wish(day=3))
    orders = []
    for booking_id in (first, second):
        job = lease.job_of(process_row(process, booking_id))
        facts = process.transact(lambda session, job=job: create_job.prepare(session, process, job))
        orders.append(facts.order)
    assert [order.is_first_time for order in orders] == [True, False]
    assert (orders[0].zip_code, orders[0].booking_source) == ("85201", "paid_search")
    assert orders[0].touch == WebTouch("http://127.0.0.1:1/", utm_source="google", gclid="click-1")


def test_attribution_follows_the_job_and_never_holds_it_up(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    sim.fault("servicetitan", "error", "POST", "/job-attributions", status=400)
    run_all(process)
    assert booking(process, booking_id).status == "confirmed"
    assert job_of(process, booking_id, JobType.ATTRIBUTE_JOB).outcome == "permanent"
    assert booking(process, booking_id).needs_attention is None
    told = book(process, Wish(day=3))
    run_all(process)
    assert job_of(process, told, JobType.ATTRIBUTE_JOB).outcome == "ok"


def test_a_booking_that_came_from_nowhere_is_not_attributed(process: Process) -> None:
    booking_id = book(process)
    do(process, "UPDATE bookings SET attribution = '{}'")
    run_all(process)
    assert rows(process, "SELECT 1 FROM queue_jobs WHERE job_type = :type", type=JobType.ATTRIBUTE_JOB) == []
    assert booking(process, booking_id).status == "confirmed"


def test_a_touch_has_the_shape_the_reports_take() -> None:
    last = {"landing_path": "/", "gclid": "g", "referrer_origin": "https://www.example.com", "ttclid": "t"}
    touch = attribute_job.read_touch({"last": last}, "https://book.example.com/")
    assert touch == WebTouch("https://book.example.com/", "https://www.example.com", gclid="g")
    hosted = attribute_job.read_touch({"last": {"landing_path": "https://host.example/doors"}}, "https://b")
    assert hosted == WebTouch("https://host.example/doors")
    assert attribute_job.read_touch({"last": {"referrer_origin": "https://x"}}, "https://b") is None


def process_row(process: Process, booking_id: object) -> object:
    """Return the create job as a claim would find it."""
    return rows(
        process,
        "SELECT * FROM queue_jobs WHERE booking_id = :id AND job_type = :type",
        id=booking_id,
        type=CREATE,
    )[0]
