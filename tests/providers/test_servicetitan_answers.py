"""What the ServiceTitan adapter makes of answers that a well-behaved simulator would never give."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from app.providers.ports import (
    FieldService,
    JobStatus,
    Outcome,
    ProviderError,
    Visit,
    VisitStatus,
    WebTouch,
)
from tests.providers.samples import a_customer
from tests.providers.simulated import Simulator

CRM, JPM = "/api/crm/v2/tenant/9001", "/api/jpm/v2/tenant/9001"
EIGHT = datetime(2026, 12, 3, 15, tzinfo=UTC)
TWO_HOURS = timedelta(hours=2)
Row = dict[str, object]


@pytest.fixture
def service(sim: Simulator, httpserver: HTTPServer) -> FieldService:
    """The adapter with the simulator's tokens and our own answers."""
    return sim.adapters(st_api_base=httpserver.url_for("/api")).field_service


def page(*rows: Row) -> Row:
    return {"page": 1, "pageSize": 200, "hasMore": False, "totalCount": None, "data": list(rows)}


def wire(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def an_appointment(number: int, status: str = "Scheduled", start: datetime = EIGHT, **more: object) -> Row:
    window = {"arrivalWindowStart": wire(start), "arrivalWindowEnd": wire(start + TWO_HOURS)}
    return {"id": number, "jobId": 7, "start": wire(start), "end": wire(start + timedelta(hours=1)), "status": status,
            **window, "newThing": {"x": 1}, **more}  # fmt: skip


def a_visit(**changes: object) -> Visit:
    values: Row = {
        "appointment_id": "5", "job_id": "7", "starts_at": EIGHT, "ends_at": EIGHT + TWO_HOURS, "status": VisitStatus.SCHEDULED,
        "lasts": timedelta(hours=1),
    }  # fmt: skip
    return Visit(**values | changes)  # type: ignore[arg-type]


def outcome_of(call: Callable[[], object]) -> tuple[Outcome, int | None]:
    with pytest.raises(ProviderError) as caught:
        call()
    return caught.value.outcome, caught.value.status


def test_the_current_visit_is_the_last_one_that_lives(service: FieldService, httpserver: HTTPServer) -> None:
    later = EIGHT + timedelta(days=3)
    httpserver.expect_request(f"{JPM}/appointments").respond_with_json(
        page(
            an_appointment(5, "Done"),
            an_appointment(6, start=later, isConfirmed=True),
            an_appointment(8, "Canceled", later + timedelta(days=1)),
            an_appointment(9, start=later + timedelta(days=2), active=False),
        )
    )
    assert service.get_visit("7") == a_visit(
        appointment_id="6", starts_at=later, ends_at=later + TWO_HOURS, is_confirmed=True
    )


def test_a_job_whose_visits_are_all_cancelled_has_none(service: FieldService, httpserver: HTTPServer) -> None:
    httpserver.expect_request(f"{JPM}/appointments").respond_with_json(page(an_appointment(5, "Canceled")))
    assert service.get_visit("7") is None


def test_a_visit_without_an_arrival_window_is_promised_for_its_own_time(
    service: FieldService, httpserver: HTTPServer
) -> None:
    bare = an_appointment(5, arrivalWindowStart=None)
    del bare["arrivalWindowEnd"]
    httpserver.expect_request(f"{JPM}/appointments").respond_with_json(page(bare))
    assert service.get_visit("7") == a_visit(ends_at=EIGHT + timedelta(hours=1))


def test_appointments_of_other_jobs_are_not_believed(service: FieldService, httpserver: HTTPServer) -> None:
    httpserver.expect_request(f"{JPM}/appointments").respond_with_json(page(an_appointment(5, jobId=8)))
    assert outcome_of(lambda: service.get_visit("7")) == (Outcome.UNCERTAIN, None)


def test_a_visit_that_is_there_already_is_not_moved(service: FieldService, httpserver: HTTPServer) -> None:
    assert service.move_visit(a_visit(), EIGHT, EIGHT + TWO_HOURS) == a_visit()
    assert httpserver.log == []


def test_a_move_keeps_the_length_of_the_work(service: FieldService, httpserver: HTTPServer) -> None:
    new = EIGHT + timedelta(days=1)
    wanted = {
        "start": wire(new), "end": wire(new + timedelta(hours=1)),
        "arrivalWindowStart": wire(new), "arrivalWindowEnd": wire(new + TWO_HOURS),
    }  # fmt: skip
    httpserver.expect_request(
        f"{JPM}/appointments/5/reschedule", method="PATCH", json=wanted
    ).respond_with_json(an_appointment(5, start=new))
    assert service.move_visit(a_visit(), new, new + TWO_HOURS) == a_visit(
        starts_at=new, ends_at=new + TWO_HOURS
    )


def test_a_visit_that_is_over_cannot_be_moved(service: FieldService, httpserver: HTTPServer) -> None:
    httpserver.expect_request(f"{JPM}/appointments/5/reschedule").respond_with_json({}, status=409)
    new = EIGHT + timedelta(days=1)
    assert outcome_of(lambda: service.move_visit(a_visit(), new, new + TWO_HOURS)) == (Outcome.PERMANENT, 409)


@pytest.mark.parametrize(("is_confirmed", "ends_well"), [(True, True), (False, False)])
def test_a_conflict_on_confirming_counts_as_done_only_when_it_is(
    service: FieldService, httpserver: HTTPServer, is_confirmed: bool, ends_well: bool
) -> None:
    httpserver.expect_request(f"{JPM}/appointments/5/confirmation").respond_with_json({}, status=409)
    httpserver.expect_request(f"{JPM}/appointments/5").respond_with_json(
        an_appointment(5, isConfirmed=is_confirmed)
    )
    if ends_well:
        service.confirm_visit("5")
    else:
        assert outcome_of(lambda: service.confirm_visit("5")) == (Outcome.PERMANENT, 409)


def test_rows_of_a_feed_that_cannot_be_read_do_not_stop_it(
    service: FieldService, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    good = {"id": 7, "jobNumber": "7", "jobStatus": "Completed", "active": True, "later": [1]}
    rows = [{}, {"id": 8}, {"id": 9, "jobStatus": "Teleported"}, good]
    httpserver.expect_request(f"{JPM}/export/jobs").respond_with_json(
        {"hasMore": True, "continueFrom": "t2", "data": rows}
    )
    changes = service.job_changes("t1")
    assert [(job.job_id, job.status) for job in changes.jobs] == [("7", JobStatus.COMPLETED)]
    assert (changes.continue_from, changes.has_more) == ("t2", True)
    assert capsys.readouterr().out.count("feed_row_ignored") == 3


def test_deleted_appointments_come_as_cancelled(service: FieldService, httpserver: HTTPServer) -> None:
    rows = [an_appointment(5, active=False), {"jobId": 7}]
    httpserver.expect_request(f"{JPM}/export/appointments").respond_with_json(
        {"hasMore": False, "continueFrom": "t2", "data": rows}
    )
    (visit,) = service.visit_changes("t1").visits
    assert visit.status is VisitStatus.CANCELLED


def test_a_feed_that_stands_still_ends(service: FieldService, httpserver: HTTPServer) -> None:
    httpserver.expect_request(f"{JPM}/export/jobs").respond_with_json(
        {"hasMore": True, "continueFrom": "t1", "data": []}
    )
    assert not service.job_changes("t1").has_more


@pytest.mark.parametrize(
    "answer", [{"hasMore": False, "data": []}, {"continueFrom": "t2"}, {"continueFrom": 5, "data": []}]
)
def test_a_feed_that_does_not_say_where_to_go_on_is_not_believed(
    service: FieldService, httpserver: HTTPServer, answer: Row
) -> None:
    httpserver.expect_request(f"{JPM}/export/jobs").respond_with_json(answer)
    assert outcome_of(lambda: service.job_changes("t1")) == (Outcome.UNCERTAIN, None)


def test_a_list_that_never_ends_is_not_read_for_ever(service: FieldService, httpserver: HTTPServer) -> None:
    endless = page() | {"hasMore": True}
    httpserver.expect_request(f"{JPM}/appointments").respond_with_json(endless)
    assert outcome_of(lambda: service.get_visit("7")) == (Outcome.UNCERTAIN, None)
    assert len(httpserver.log) == 50


def test_a_list_is_read_to_its_last_page(service: FieldService, httpserver: HTTPServer) -> None:
    def answer(request: Request) -> Response:
        number = int(request.args["page"])
        body = page(an_appointment(number, start=EIGHT + timedelta(days=number))) | {"hasMore": number < 3}
        return Response(json.dumps(body), content_type="application/json")

    httpserver.expect_request(f"{JPM}/appointments").respond_with_handler(answer)
    visit = service.get_visit("7")
    assert visit
    assert visit.appointment_id == "3"


def test_customers_merged_in_a_circle_are_nobody(service: FieldService, httpserver: HTTPServer) -> None:
    customer = a_customer()
    row = {"id": 70, "name": "Pat Jones", "mergedToId": 70,
           "externalData": [{"key": "a1_customer_id", "value": str(customer.customer_id)}]}  # fmt: skip
    httpserver.expect_request(f"{CRM}/customers").respond_with_json(page(row))
    httpserver.expect_request(f"{CRM}/customers/70").respond_with_json(row)
    assert outcome_of(lambda: service.find_customer(customer))[0] is Outcome.PERMANENT


def test_a_customer_who_is_just_inactive_is_not_booked(service: FieldService, httpserver: HTTPServer) -> None:
    customer = a_customer()
    ours = [{"key": "a1_customer_id", "value": str(customer.customer_id)}]
    row = {"id": 70, "name": "Pat Jones", "active": False, "externalData": ours}

    def answer(request: Request) -> Response:
        wanted = [row] if request.args["active"] == "Any" else []
        return Response(json.dumps(page(*wanted)), content_type="application/json")

    httpserver.expect_request(f"{CRM}/customers").respond_with_handler(answer)
    assert service.find_customer(customer) is None


@pytest.mark.parametrize(
    ("contact", "muted"),
    [
        ({"value": "6025550123", "phoneSettings": {"doNotText": True}}, True),
        (
            {"value": "(602) 555-0123", "phoneSettings": {"phoneNumber": "6025550123", "doNotText": True}},
            True,
        ),
        ({"value": "6025550123", "phoneSettings": {"doNotText": False}}, False),
        ({"value": "6025550123", "phoneSettings": None}, False),
        ({"value": "6025550123"}, False),
        ({"value": "6025550999", "phoneSettings": {"doNotText": True}}, False),
        ({"value": None, "phoneSettings": {"doNotText": "yes"}}, False),
    ],
)
def test_a_number_marked_as_not_to_be_texted(
    service: FieldService, httpserver: HTTPServer, contact: Row, muted: bool
) -> None:
    httpserver.expect_request(f"{CRM}/customers/70/contacts").respond_with_json(page(contact))
    assert service.do_not_text("70", "+16025550123") is muted


@pytest.mark.parametrize(
    "stored", ["Gate code 42 & dog", "<p>Gate code 42 &amp; dog</p>", " gate  CODE 42 & dog. "]
)
def test_a_note_that_is_there_is_not_added_again(
    service: FieldService, httpserver: HTTPServer, stored: str
) -> None:
    httpserver.expect_request(f"{JPM}/jobs/7/notes", method="GET").respond_with_json(page({"text": stored}))
    service.add_note("7", "Gate code 42 & dog")
    assert [request.method for request, _ in httpserver.log] == ["GET"]


def test_an_attribution_sends_what_is_known_and_no_more(
    service: FieldService, httpserver: HTTPServer
) -> None:
    body = {
        "jobId": 7,
        "webSessionData": {"landingPageUrl": "https://x.example/", "referrerUrl": "", "gclid": "g1", "utmSource": "google"},
    }  # fmt: skip
    httpserver.expect_oneshot_request(
        "/api/marketingads/v2/tenant/9001/job-attributions", method="POST", json=body
    ).respond_with_data("")
    service.attribute_job("7", WebTouch("https://x.example/", gclid="g1", utm_source="google", utm_term=""))


def test_a_lookup_of_many_asks_fifty_at_a_time(service: FieldService, httpserver: HTTPServer) -> None:
    httpserver.expect_request(f"{JPM}/jobs").respond_with_json(page())
    assert service.find_jobs([uuid4() for _ in range(120)]) == {}
    asked = [len(request.args["externalDataValues"].split(",")) for request, _ in httpserver.log]
    assert asked == [50, 50, 20]
    assert service.find_jobs([]) == {}


def test_requests_need_a_booking_provider(service: FieldService) -> None:
    assert outcome_of(lambda: service.find_request(uuid4())) == (Outcome.CONFIG, None)


def test_a_request_of_somebody_else_is_not_ours(sim: Simulator, httpserver: HTTPServer) -> None:
    adapters = sim.adapters(st_api_base=httpserver.url_for("/api"), st_booking_provider_id=701)
    httpserver.expect_request(f"{CRM}/booking-provider/701/bookings").respond_with_json(
        page({"id": 3, "externalId": "another"})
    )
    assert outcome_of(lambda: adapters.field_service.find_request(uuid4())) == (Outcome.UNCERTAIN, None)
