"""What the office does at ServiceTitan and what we do there later: visits, notes, attributions, feeds, requests, customers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from app.providers import Adapters
from app.providers.ports import (
    FieldService,
    JobRef,
    JobStatus,
    Outcome,
    ProviderError,
    Visit,
    VisitStatus,
    WebTouch,
)
from tests.providers.samples import a_customer, an_order, book, first_day
from tests.providers.simulated import Simulator

TOUCH = WebTouch(
    "https://example.com/?gclid=g1", "https://google.com", gclid="g1", utm_source="google", utm_medium="cpc"
)
TWO_HOURS = timedelta(hours=2)


def office(sim: Simulator, path: str, **order: object) -> dict[str, object]:
    """Let somebody at the office do something."""
    answer = httpx.post(f"{sim.url}/__sim__/st/{path}", json=order).raise_for_status()
    return answer.json() if answer.content else {}


def effects(sim: Simulator, kind: str) -> list[dict[str, object]]:
    """List what really happened, of kinds that people do not look at every day."""
    found = httpx.get(f"{sim.url}/__sim__/ledger", params={"kind": kind}).json()["effects"]
    return [effect for effect in found if effect["provider"] == "servicetitan"]


def booked(adapters: Adapters) -> tuple[JobRef, Visit]:
    job = book(adapters, an_order(first_day(adapters).windows[0]), a_customer())
    visit = adapters.field_service.get_visit(job.job_id)
    assert visit
    return job, visit


def outcome(error: pytest.ExceptionInfo[ProviderError]) -> tuple[Outcome, int | None]:
    return error.value.outcome, error.value.status


def test_the_visit_of_a_job_is_the_window_that_was_booked(adapters: Adapters) -> None:
    window = first_day(adapters).windows[0]
    job, visit = booked(adapters)
    assert (visit.appointment_id, visit.job_id) == (job.appointment_id, job.job_id)
    assert (visit.starts_at, visit.ends_at, visit.status) == (
        window.starts_at,
        window.ends_at,
        VisitStatus.SCHEDULED,
    )
    assert not visit.is_confirmed


def test_many_jobs_are_found_at_once(adapters: Adapters) -> None:
    day = first_day(adapters)
    orders = [an_order(window) for window in day.windows[:3]]
    jobs = {order.booking_id: book(adapters, order, a_customer()) for order in orders}
    asked = [*(order.booking_id for order in orders), uuid4()]
    assert adapters.field_service.find_jobs(asked) == jobs


def test_a_move_is_one_move_however_often_it_is_asked_for(sim: Simulator, adapters: Adapters) -> None:
    service, new = adapters.field_service, first_day(adapters).windows[2]
    job, visit = booked(adapters)
    sim.fault("servicetitan", "drop_after_commit", "PATCH", "/reschedule")
    with pytest.raises(ProviderError) as caught:
        service.move_visit(visit, new.starts_at, new.ends_at)
    assert caught.value.outcome is Outcome.UNCERTAIN
    there = service.get_visit(job.job_id)
    assert there == replace(visit, starts_at=new.starts_at, ends_at=new.ends_at)
    assert service.move_visit(there, new.starts_at, new.ends_at) == there
    assert [effect["count"] for effect in effects(sim, "reschedule")] == [1]


@pytest.mark.parametrize("status", ["InProgress", "Completed"])
def test_a_visit_that_began_or_is_over_cannot_be_moved(
    sim: Simulator, adapters: Adapters, status: str
) -> None:
    job, visit = booked(adapters)
    office(sim, f"jobs/{job.job_id}/advance", to=status)
    with pytest.raises(ProviderError) as caught:
        adapters.field_service.move_visit(
            visit, visit.starts_at + timedelta(days=1), visit.ends_at + timedelta(days=1)
        )
    assert outcome(caught) == (Outcome.PERMANENT, 409)


def test_the_window_a_visit_moves_to_is_open_for_itself(sim: Simulator, adapters: Adapters) -> None:
    window = first_day(adapters).windows[4]  # one technician works that late
    job = book(adapters, an_order(window), a_customer())
    assert window.open == 1
    assert adapters.slot_source.find_window(window.key) is None
    assert adapters.slot_source.find_window(window.key, appointment_id=job.appointment_id) == window


def test_confirming_twice_is_one_confirmation(sim: Simulator, adapters: Adapters) -> None:
    job, visit = booked(adapters)
    for _ in range(2):
        adapters.field_service.confirm_visit(visit.appointment_id)
    assert [effect["count"] for effect in effects(sim, "confirmation")] == [1]
    assert adapters.field_service.get_visit(job.job_id) == replace(visit, is_confirmed=True)


def test_a_note_is_written_once_also_when_the_answer_was_lost(sim: Simulator, adapters: Adapters) -> None:
    job, _ = booked(adapters)
    sim.fault("servicetitan", "drop_after_commit", "POST", "/notes")
    with pytest.raises(ProviderError):
        adapters.field_service.add_note(job.job_id, "Gate <42> & dog")
    adapters.field_service.add_note(job.job_id, "Gate <42> & dog")
    adapters.field_service.add_note(job.job_id, "Another one")
    assert len(effects(sim, "note")) == 2
    assert all(effect["count"] == 1 for effect in effects(sim, "note"))


def test_an_attribution_reaches_the_advertising_reports(sim: Simulator, adapters: Adapters) -> None:
    job, _ = booked(adapters)
    adapters.field_service.attribute_job(job.job_id, TOUCH)
    assert len(effects(sim, "attribution")) == 1
    sent = httpx.get(f"{sim.url}/__sim__/requests").json()["requests"][-1]["body"]
    assert '"utmSource":"google"' in sent.replace(" ", "")
    assert "fbclid" not in sent


def test_an_attribution_without_a_referrer_is_refused_or_taken_as_the_tenant_does(
    sim: Simulator, adapters: Adapters
) -> None:
    job, _ = booked(adapters)
    adapters.field_service.attribute_job(job.job_id, WebTouch("https://example.com/"))
    sim.world.flags.set("st_empty_referrer", False)
    with pytest.raises(ProviderError) as caught:
        adapters.field_service.attribute_job(job.job_id, WebTouch("https://example.com/"))
    assert outcome(caught) == (Outcome.PERMANENT, 400)


def test_the_feeds_bring_what_the_office_did(sim: Simulator, adapters: Adapters) -> None:
    service = adapters.field_service
    moved, visit = booked(adapters)
    cancelled, _ = booked(adapters)
    jobs, visits = service.job_changes(None), service.visit_changes(None)
    assert {job.job_id for job in jobs.jobs} == {moved.job_id, cancelled.job_id}
    new = visit.starts_at + timedelta(days=1)
    office(sim, f"jobs/{moved.job_id}/reschedule", start=new.isoformat(), end=(new + TWO_HOURS).isoformat())
    office(sim, f"jobs/{cancelled.job_id}/cancel")
    changed = {job.job_id: job.status for job in service.job_changes(jobs.continue_from).jobs}
    assert changed[cancelled.job_id] is JobStatus.CANCELLED
    seen = {visit.job_id: visit for visit in service.visit_changes(visits.continue_from).visits}
    assert (seen[moved.job_id].starts_at, seen[moved.job_id].ends_at) == (new, new + TWO_HOURS)
    assert seen[cancelled.job_id].status is VisitStatus.CANCELLED


def test_a_feed_goes_on_where_it_stopped_until_all_is_read(sim: Simulator, adapters: Adapters) -> None:
    sim.world.flags.set("st_export_page", 2)
    made = {booked(adapters)[0].job_id for _ in range(5)}
    seen: list[str] = []
    token, pages = None, 0
    while True:
        changes = adapters.field_service.job_changes(token)
        seen += [job.job_id for job in changes.jobs]
        token, pages = changes.continue_from, pages + 1
        if not changes.has_more:
            break
    assert set(seen) == made
    assert pages == 3
    again = adapters.field_service.job_changes(token)
    assert {job.job_id for job in again.jobs} <= made  # the newest comes twice
    assert not again.has_more


def test_a_feed_that_was_never_read_starts_a_day_back(sim: Simulator, adapters: Adapters) -> None:
    booked(adapters)
    with sim.world.lock:
        sim.world.offset = timedelta(0)
    adapters.field_service.job_changes(None)
    query = httpx.QueryParams(httpx.get(f"{sim.url}/__sim__/requests").json()["requests"][-1]["query"])
    since = datetime.now(UTC) - datetime.fromisoformat(query["from"])
    assert timedelta(hours=23) < since < timedelta(hours=25)
    assert query["includeRecentChanges"] == "true"


@pytest.fixture
def by_request(sim: Simulator) -> FieldService:
    return sim.adapters(st_booking_mode="request", st_booking_provider_id=701).field_service


def test_a_request_is_one_request_and_no_job(
    sim: Simulator, adapters: Adapters, by_request: FieldService
) -> None:
    window = first_day(adapters).windows[0]
    order, customer = an_order(window, is_first_time=False), a_customer()
    assert by_request.find_request(order.booking_id) is None
    sim.fault("servicetitan", "drop_after_commit", "POST", "/bookings")
    with pytest.raises(ProviderError) as caught:
        by_request.request_booking(order, customer)
    assert caught.value.outcome is Outcome.UNCERTAIN
    request_id = by_request.find_request(order.booking_id)
    assert request_id
    assert [effect["count"] for effect in effects(sim, "booking")] == [1]
    assert sim.effects("servicetitan", "job") == []
    assert by_request.find_request_job(request_id) is None


def test_the_job_the_office_makes_of_a_request_is_found(
    sim: Simulator, adapters: Adapters, by_request: FieldService
) -> None:
    order = an_order(first_day(adapters).windows[0])
    request_id = by_request.request_booking(order, a_customer())
    made = office(sim, f"bookings/{request_id}/convert")
    job = by_request.find_request_job(request_id)
    assert job
    assert (job.job_id, job.status) == (str(made["id"]), JobStatus.SCHEDULED)


def test_a_request_says_when_who_and_what(
    sim: Simulator, adapters: Adapters, by_request: FieldService
) -> None:
    window = first_day(adapters).windows[0]
    order = an_order(window, zip_code="85201")
    by_request.request_booking(order, a_customer())
    with sim.world.lock:
        (request,) = sim.world.office.bookings.values()
    assert request.external_id == str(order.booking_id)
    assert datetime.fromisoformat(str(request.body["start"])) == window.starts_at
    assert request.body["name"] == "Pat Jones"
    local = (window.starts_at - timedelta(hours=7)).strftime("%Y-%m-%d %H:%M")
    assert f"Asked for {local}" in str(request.body["summary"])


def test_somebody_the_office_refuses_to_serve_is_reported(sim: Simulator, adapters: Adapters) -> None:
    customer = a_customer()
    made = adapters.field_service.add_customer(customer)
    httpx.patch(f"{sim.url}/__sim__/st/customers/{made.customer_id}", json={"doNotService": True})
    found = adapters.field_service.find_customer(customer)
    assert found
    assert found.do_not_service


def test_a_customer_the_office_merged_is_followed_with_the_location(
    sim: Simulator, adapters: Adapters
) -> None:
    service, old, new = (
        adapters.field_service,
        a_customer(),
        a_customer(phone="+16025550199", last_name="Smith"),
    )
    first, second = service.add_customer(old), service.add_customer(new)
    office(sim, f"customers/{first.customer_id}/merge", into=int(second.customer_id))
    found = service.find_customer(old)
    assert found
    assert found.customer_id == second.customer_id
    assert service.find_location(found.customer_id, old) is not None


def test_the_same_name_and_mail_with_a_new_number_is_the_same_customer(adapters: Adapters) -> None:
    service = adapters.field_service
    made = service.add_customer(a_customer())
    found = service.find_customer(a_customer(phone="+14805550188", email="PAT@example.com"))
    assert found
    assert found.customer_id == made.customer_id
    assert service.find_customer(a_customer(phone="+14805550188", email="sam@example.com")) is None


@pytest.mark.parametrize(("shape", "match"), [("dashes", "digits"), ("dashes", "exact"), ("digits", "exact")])
def test_numbers_are_compared_however_they_are_stored(
    sim: Simulator, adapters: Adapters, shape: str, match: str
) -> None:
    sim.world.flags.set("st_phone_format", shape)
    sim.world.flags.set("st_phone_match", match)
    made = adapters.field_service.add_customer(a_customer())
    found = adapters.field_service.find_customer(a_customer())
    assert found
    assert found.customer_id == made.customer_id


def test_a_number_the_office_marked_is_not_texted(sim: Simulator, adapters: Adapters) -> None:
    customer = a_customer()
    made = adapters.field_service.add_customer(customer)
    assert not adapters.field_service.do_not_text(made.customer_id, customer.phone)
    assert office(sim, "do-not-text", phone=customer.phone, doNotText=True)["changed"]
    assert adapters.field_service.do_not_text(made.customer_id, customer.phone)


@pytest.mark.parametrize("style", ["list", "string"])
def test_errors_are_read_in_either_style(sim: Simulator, adapters: Adapters, style: str) -> None:
    sim.world.flags.set("st_errors_style", style)
    with pytest.raises(ProviderError, match="CustomerId") as caught:
        adapters.field_service.create_job(an_order(first_day(adapters).windows[0]), "1", "2")
    assert outcome(caught) == (Outcome.PERMANENT, 400)


def test_everything_works_while_answers_grow_fields(sim: Simulator) -> None:
    sim.world.flags.set("sim_chaos_fields", True)
    adapters = sim.adapters(st_booking_provider_id=701)
    service = adapters.field_service
    order, customer = an_order(first_day(adapters).windows[0], touch=TOUCH), a_customer()
    job = book(adapters, order, customer)
    assert service.find_job(order.booking_id) == service.get_job(job.job_id) == job
    visit = service.get_visit(job.job_id)
    assert visit
    service.confirm_visit(visit.appointment_id)
    moved = service.move_visit(visit, visit.starts_at + timedelta(days=1), visit.ends_at + timedelta(days=1))
    assert moved.starts_at == visit.starts_at + timedelta(days=1)
    service.add_note(job.job_id, "hello")
    service.attribute_job(job.job_id, TOUCH)
    assert service.job_changes(None).jobs == (job,)
    assert [v.appointment_id for v in service.visit_changes(None).visits] == [visit.appointment_id]
    request_id = service.request_booking(an_order(first_day(adapters).windows[0]), customer)
    assert service.find_request_job(request_id) is None
    service.cancel_job(job.job_id, "Cancelled online")
    assert service.get_job(job.job_id).status is JobStatus.CANCELLED
    assert isinstance(job.booking_id, UUID)


def test_one_token_lasts_for_a_hundred_calls(sim: Simulator, adapters: Adapters) -> None:
    for _ in range(100):
        adapters.field_service.find_jobs([uuid4()])
    assert len(sim.calls("/connect/token")) == 1


def test_a_token_is_fetched_again_before_it_runs_out(sim: Simulator) -> None:
    sim.world.flags.set("sim_token_seconds", 1)
    adapters = sim.adapters()
    adapters.field_service.find_job(uuid4())
    with sim.world.lock:
        sim.world.offset += timedelta(seconds=5)
    adapters.field_service.find_job(uuid4())
    assert len(sim.calls("/connect/token")) >= 2
