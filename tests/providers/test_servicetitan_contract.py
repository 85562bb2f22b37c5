"""The ServiceTitan adapter against the simulator: one booking becomes one job, whatever the network does."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from pytest_httpserver import HTTPServer

from app.providers import Adapters
from app.providers.ports import FieldAddress, JobRef, JobStatus, Outcome, Priority, ProviderError
from tests.providers.samples import a_customer, an_order, book, first_day, mesa, tomorrow
from tests.providers.simulated import JOBS, Simulator


def test_a_booking_becomes_one_job_with_window_customer_and_address(
    sim: Simulator, adapters: Adapters
) -> None:
    window = first_day(adapters).windows[0]
    order = an_order(window, priority=Priority.URGENT, access_notes="gate 42")
    job = book(adapters, order, a_customer())
    assert job.status is JobStatus.SCHEDULED
    assert job.appointment_id
    (effect,) = sim.effects("servicetitan", "job")
    assert (effect["key"], effect["id"], effect["count"]) == (str(order.booking_id), job.job_id, 1)
    data = effect["data"]
    assert isinstance(data, dict)
    assert data["customer"] == "Pat Jones"
    assert data["start"] == window.starts_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert (data["job_type_id"], data["priority"], data["business_unit_id"]) == (2041, "Urgent", 1011)
    assert "loud &lt;bang&gt;" in data["summary"]
    assert "gate 42" in data["summary"]


def test_a_job_is_found_again_by_our_booking_id(adapters: Adapters) -> None:
    order = an_order(first_day(adapters).windows[0])
    job = book(adapters, order, a_customer())
    assert adapters.field_service.find_job(order.booking_id) == job
    assert adapters.field_service.get_job(job.job_id) == job
    assert adapters.field_service.find_job(uuid4()) is None


def test_a_job_is_invisible_to_another_application(sim: Simulator, adapters: Adapters) -> None:
    order = an_order(first_day(adapters).windows[0])
    book(adapters, order, a_customer())
    stranger = sim.adapters(st_application_guid="00000000-0000-4000-8000-00000000ffff")
    assert stranger.field_service.find_job(order.booking_id) is None


@pytest.mark.parametrize("mode", ["drop_after_commit", "garbage", "empty", "latency", "huge", "drip"])
def test_a_lost_answer_leaves_one_job_after_looking_it_up(sim: Simulator, mode: str) -> None:
    adapters = sim.adapters(job_lease_seconds=12)
    order, customer = an_order(first_day(adapters).windows[0]), a_customer()
    sim.fault("servicetitan", mode, "POST", JOBS, latency_ms=1500 if mode == "latency" else 0)
    with pytest.raises(ProviderError) as caught:
        book(adapters, order, customer)
    assert caught.value.outcome is Outcome.UNCERTAIN
    job = book(adapters, order, customer)
    (effect,) = sim.effects("servicetitan", "job")
    assert (effect["count"], effect["id"]) == (1, job.job_id)


def test_the_ledger_counts_a_job_made_twice(sim: Simulator, adapters: Adapters) -> None:
    order = an_order(first_day(adapters).windows[0])
    ref = adapters.field_service.add_customer(a_customer())
    for _ in range(2):
        adapters.field_service.create_job(order, ref.customer_id, ref.location_id or "")
    (effect,) = sim.effects("servicetitan", "job")
    assert effect["count"] == 2


def test_a_call_lost_before_it_took_effect_is_uncertain_and_leaves_no_job(
    sim: Simulator, adapters: Adapters
) -> None:
    order = an_order(first_day(adapters).windows[0])
    sim.fault("servicetitan", "drop_before", "POST", JOBS)
    with pytest.raises(ProviderError) as caught:
        book(adapters, order, a_customer())
    assert caught.value.outcome is Outcome.UNCERTAIN
    assert adapters.field_service.find_job(order.booking_id) is None


def test_cancelling_twice_happens_once(sim: Simulator, adapters: Adapters) -> None:
    order = an_order(first_day(adapters).windows[0])
    job = book(adapters, order, a_customer())
    adapters.field_service.cancel_job(job.job_id, "Cancelled online")
    adapters.field_service.cancel_job(job.job_id, "Cancelled online")
    (effect,) = sim.effects("servicetitan", "cancel")
    assert (effect["key"], effect["count"]) == (str(order.booking_id), 1)
    found = adapters.field_service.find_job(order.booking_id)
    assert found == replace(job, status=JobStatus.CANCELLED)


def test_a_cancel_whose_answer_was_lost_is_done_when_repeated(sim: Simulator, adapters: Adapters) -> None:
    job = book(adapters, an_order(first_day(adapters).windows[0]), a_customer())
    sim.fault("servicetitan", "drop_after_commit", "PUT", "/cancel")
    with pytest.raises(ProviderError) as caught:
        adapters.field_service.cancel_job(job.job_id, "Cancelled online")
    assert caught.value.outcome is Outcome.UNCERTAIN
    adapters.field_service.cancel_job(job.job_id, "Cancelled online")
    assert [effect["count"] for effect in sim.effects("servicetitan", "cancel")] == [1]


def test_a_finished_job_cannot_be_cancelled(sim: Simulator, adapters: Adapters) -> None:
    job = book(adapters, an_order(first_day(adapters).windows[0]), a_customer())
    with sim.world.lock:
        sim.world.office.jobs[int(job.job_id)].status = "Completed"
    with pytest.raises(ProviderError) as caught:
        adapters.field_service.cancel_job(job.job_id, "Cancelled online")
    assert caught.value.outcome is Outcome.PERMANENT


def test_a_second_booking_of_the_same_person_reuses_customer_and_location(adapters: Adapters) -> None:
    field, customer = adapters.field_service, a_customer()
    made = field.add_customer(customer)
    assert field.find_customer(customer) == replace(made, location_id=None)
    again = a_customer(email="other@example.com")
    assert field.find_customer(again) == replace(made, location_id=None)
    written_differently = replace(customer.address, street="12 oak st.", unit="#2")
    moved = replace(customer, address=written_differently)
    assert field.find_location(made.customer_id, moved) == made.location_id


def test_the_same_phone_with_another_name_and_mail_is_another_customer(adapters: Adapters) -> None:
    field = adapters.field_service
    made = field.add_customer(a_customer())
    assert field.find_customer(a_customer(last_name="Smith", email="s@example.com")) is None
    found = field.find_customer(a_customer(last_name="Smith", email="PAT@example.com"))
    assert found == replace(made, location_id=None)


def test_a_merged_customer_is_followed(sim: Simulator, adapters: Adapters) -> None:
    field, old, new = adapters.field_service, a_customer(), a_customer(phone="+16025550199")
    first, second = field.add_customer(old), field.add_customer(new)
    with sim.world.lock:
        sim.world.office.customers[int(first.customer_id)].merged_to_id = int(second.customer_id)
    assert field.find_customer(old) == replace(second, location_id=None)


def test_another_address_is_another_location_found_again_by_our_reference(adapters: Adapters) -> None:
    field, customer = adapters.field_service, a_customer()
    made = field.add_customer(customer)
    elsewhere = replace(customer, address=FieldAddress("9 Elm Road", "Tempe", "AZ", "85281"))
    assert field.find_location(made.customer_id, elsewhere) is None
    location_id = field.add_location(made.customer_id, elsewhere)
    assert location_id != made.location_id
    assert field.find_location(made.customer_id, elsewhere) == location_id


def test_a_refusal_names_fields_and_nothing_a_person_typed(adapters: Adapters) -> None:
    order = an_order(first_day(adapters).windows[0])
    with pytest.raises(ProviderError) as caught:
        adapters.field_service.create_job(order, "1", "2")
    assert caught.value.outcome is Outcome.PERMANENT
    assert caught.value.reason == "jobs.create: 400 (CustomerId, LocationId)"


def test_one_token_serves_many_calls(sim: Simulator, adapters: Adapters) -> None:
    for _ in range(20):
        adapters.field_service.find_job(uuid4())
    mesa(adapters)
    assert len(sim.calls("/connect/token")) == 1


def test_an_expired_token_is_replaced_once_by_eight_threads(sim: Simulator, adapters: Adapters) -> None:
    adapters.field_service.find_job(uuid4())
    before = len(sim.calls("/connect/token"))
    with sim.world.lock:
        sim.world.office.tokens.clear()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(adapters.field_service.find_job, [uuid4() for _ in range(64)]))
    assert found == [None] * 64
    assert len(sim.calls("/connect/token")) == before + 1


def test_eight_threads_without_a_token_fetch_one(sim: Simulator, adapters: Adapters) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(adapters.field_service.find_job, [uuid4() for _ in range(32)]))
    assert len(sim.calls("/connect/token")) == 1


@pytest.mark.parametrize("wrong", ["st_client_secret", "st_app_key", "st_tenant_id"])
def test_wrong_credentials_are_a_matter_of_configuration(sim: Simulator, wrong: str) -> None:
    with pytest.raises(ProviderError) as caught:
        sim.adapters(**{wrong: "4711"}).field_service.find_job(uuid4())
    assert caught.value.outcome is Outcome.CONFIG


def test_too_many_calls_are_throttled_for_as_long_as_the_provider_says(
    sim: Simulator, adapters: Adapters
) -> None:
    sim.fault("servicetitan", "rate_limit", "GET", JOBS, retry_after=7)
    with pytest.raises(ProviderError) as caught:
        adapters.field_service.find_job(uuid4())
    assert (caught.value.outcome, caught.value.retry_after) == (Outcome.THROTTLED, 7.0)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, Outcome.PERMANENT),
        (403, Outcome.CONFIG),
        (404, Outcome.PERMANENT),
        (408, Outcome.THROTTLED),
        (409, Outcome.PERMANENT),
        (422, Outcome.PERMANENT),
        (429, Outcome.THROTTLED),
        (500, Outcome.TRANSIENT),
        (503, Outcome.TRANSIENT),
    ],
)
def test_each_status_has_its_outcome(
    sim: Simulator, adapters: Adapters, status: int, outcome: Outcome
) -> None:
    sim.fault("servicetitan", "error", "GET", JOBS, status=status)
    with pytest.raises(ProviderError) as caught:
        adapters.field_service.find_job(uuid4())
    assert (caught.value.outcome, caught.value.status) == (outcome, status)


def test_a_lookup_that_ignores_its_filter_is_not_believed(sim: Simulator, httpserver: HTTPServer) -> None:
    row = {
        "id": 5,
        "jobNumber": "5",
        "jobStatus": "Scheduled",
        "externalData": [{"key": "a1_booking_id", "value": "x"}],
    }
    httpserver.expect_request(f"/api{JOBS}").respond_with_json({"data": [row], "hasMore": False})
    adapters = sim.adapters(st_api_base=httpserver.url_for("/api"))
    with pytest.raises(ProviderError) as caught:
        adapters.field_service.find_job(uuid4())
    assert caught.value.outcome is Outcome.UNCERTAIN


def test_fields_unknown_to_us_are_ignored(sim: Simulator, httpserver: HTTPServer) -> None:
    booking_id = uuid4()
    row = {"id": 5, "jobNumber": "5", "jobStatus": "Hold", "firstAppointmentId": 6, "newThing": {"a": [1]}}
    row["externalData"] = [{"key": "a1_booking_id", "value": str(booking_id), "more": 1}]
    httpserver.expect_request(f"/api{JOBS}").respond_with_json(
        {"data": [row], "hasMore": False, "extra": None}
    )
    adapters = sim.adapters(st_api_base=httpserver.url_for("/api"))
    assert adapters.field_service.find_job(booking_id) == JobRef("5", "5", "6", JobStatus.ON_HOLD, booking_id)


@pytest.mark.parametrize(
    "body",
    ["[]", '{"data": 5}', '{"data": [5]}', '{"id": 7}', '{"jobStatus": "Odd", "id": 7}', "null", "\xff"],
)
def test_a_success_of_the_wrong_shape_is_uncertain(sim: Simulator, httpserver: HTTPServer, body: str) -> None:
    httpserver.expect_request(f"/api{JOBS}").respond_with_data(body, content_type="application/json")
    httpserver.expect_request(f"/api{JOBS}/7").respond_with_data(body, content_type="application/json")
    adapters = sim.adapters(st_api_base=httpserver.url_for("/api"))
    for call in (
        lambda: adapters.field_service.find_job(uuid4()),
        lambda: adapters.field_service.get_job("7"),
    ):
        with pytest.raises(ProviderError) as caught:
            call()
        assert caught.value.outcome is Outcome.UNCERTAIN


def test_a_booking_in_tucson_goes_to_tucsons_business_unit(sim: Simulator, adapters: Adapters) -> None:
    zone = next(zone for zone in adapters.slot_source.zones() if "85701" in zone.zip_codes)
    assert zone.business_unit_id == "1012"
    day = adapters.slot_source.open_windows(zone, tomorrow(), tomorrow() + timedelta(days=1))
    address = FieldAddress("1 Congress St", "Tucson", "AZ", "85701")
    book(adapters, an_order(day.windows[0]), a_customer(address=address))
    data = sim.effects("servicetitan", "job")[0]["data"]
    assert isinstance(data, dict)
    assert (data["business_unit_id"], data["zone_id"]) == (1012, 51)


@pytest.mark.parametrize(
    ("change", "named"),
    [({"st_job_type_id": None}, "ST_JOB_TYPE_ID"), ({"slot_provider": "magic"}, "SLOT_PROVIDER")],
)
def test_a_missing_or_unknown_setting_is_named(sim: Simulator, change: dict[str, object], named: str) -> None:
    with pytest.raises(ProviderError, match=named) as caught:
        sim.adapters(**change)
    assert caught.value.outcome is Outcome.CONFIG
