"""The simulator itself: it refuses what the real providers refuse, and shows people what arrived."""

import html5lib
import httpx
import pytest
import zipcodes

from app.providers import Adapters
from sandbox.providers.config import load_config
from sandbox.providers.territory import ZONES
from tests.providers.samples import a_customer, a_text, an_event, an_order, book, first_day
from tests.providers.simulated import CONFIG, JOBS, Simulator


def a_token(sim: Simulator) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": CONFIG.st_client_id,
        "client_secret": CONFIG.st_client_secret,
    }
    answer = httpx.post(f"{sim.url}/servicetitan/auth/connect/token", data=form)
    assert answer.json()["expires_in"] == 900
    return str(answer.json()["access_token"])


def st_headers(sim: Simulator) -> dict[str, str]:
    return {"Authorization": f"Bearer {a_token(sim)}", "ST-App-Key": CONFIG.st_app_key}


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}, "invalid_client"),
    ],
)
def test_the_token_endpoint_refuses_strangers(sim: Simulator, form: dict[str, str], error: str) -> None:
    answer = httpx.post(f"{sim.url}/servicetitan/auth/connect/token", data=form)
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_servicetitan_needs_token_and_app_key_and_tenant(sim: Simulator) -> None:
    url, headers = f"{sim.url}/servicetitan/api{JOBS}", st_headers(sim)
    assert httpx.get(url, headers=headers).status_code == 200
    assert httpx.get(url, headers={**headers, "Authorization": "Bearer x"}).status_code == 401
    assert httpx.get(url, headers={**headers, "ST-App-Key": "x"}).status_code == 401
    assert httpx.get(url).status_code == 401
    assert httpx.get(url.replace("9001", "9002"), headers=headers).status_code == 403


def test_a_token_expires_on_the_simulated_clock(sim: Simulator) -> None:
    url, headers = f"{sim.url}/servicetitan/api{JOBS}", st_headers(sim)
    httpx.post(f"{sim.url}/__sim__/clock", json={"advance_s": 899}).raise_for_status()
    assert httpx.get(url, headers=headers).status_code == 200
    httpx.post(f"{sim.url}/__sim__/clock", json={"advance_s": 2}).raise_for_status()
    assert httpx.get(url, headers=headers).status_code == 401


def test_a_job_without_its_fields_is_refused_field_by_field(sim: Simulator) -> None:
    answer = httpx.post(
        f"{sim.url}/servicetitan/api{JOBS}", headers=st_headers(sim), json={"priority": "Soon"}
    )
    assert answer.status_code == 400
    body = answer.json()
    assert set(body) == {"type", "title", "status", "traceId", "errors", "data"}
    assert {
        "customerId",
        "locationId",
        "businessUnitId",
        "jobTypeId",
        "campaignId",
        "priority",
        "appointments",
    } <= set(body["errors"])
    assert sim.effects("servicetitan", "job") == []


def test_availability_is_asked_for_at_most_two_weeks_at_a_time(sim: Simulator) -> None:
    url = f"{sim.url}/servicetitan/api/dispatch/v2/tenant/9001/adcap/availability/slots"
    body = {"startUtc": "2026-12-01", "endUtc": "2026-12-16", "xType": "ArrivalWindow"}
    assert httpx.post(url, headers=st_headers(sim), json=body).status_code == 400
    assert httpx.post(url, headers=st_headers(sim), json=body | {"endUtc": "2026-12-15"}).status_code == 200


def test_one_application_may_call_sixty_times_a_second(sim: Simulator) -> None:
    url, headers = f"{sim.url}/servicetitan/api{JOBS}", st_headers(sim)
    with sim.world.lock:
        sim.world.office.calls.extend([float("inf")] * CONFIG.calls_per_second)
    answer = httpx.get(url, headers=headers)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")


def test_a_job_moved_to_another_window_takes_its_room_there(sim: Simulator, adapters: Adapters) -> None:
    day = first_day(adapters)
    old, new = day.windows[0], day.windows[1]
    job = book(adapters, an_order(old), a_customer())
    url = f"{sim.url}/servicetitan/api/jpm/v2/tenant/9001/appointments/{job.appointment_id}/reschedule"
    body = {"start": new.starts_at.isoformat(), "end": new.ends_at.isoformat()}
    assert httpx.patch(url, headers=st_headers(sim), json=body).status_code == 200
    after = {w.key: w.open for w in first_day(adapters).windows}
    assert (after[old.key], after[new.key]) == (old.open, new.open - 1)
    adapters.field_service.cancel_job(job.job_id, "Cancelled online")
    assert httpx.patch(url, headers=st_headers(sim), json=body).status_code == 409


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer pk_test", "revision": "2026-07-15"}, 401),
        ({"Authorization": "Klaviyo-API-Key pk_test"}, 400),
        (
            {
                "Authorization": "Klaviyo-API-Key pk_test",
                "revision": "2026-07-15",
                "Content-Type": "text/plain",
            },
            415,
        ),
        (
            {
                "Authorization": "Klaviyo-API-Key pk_test",
                "revision": "2026-07-15",
                "Content-Type": "application/json",
            },
            400,
        ),
    ],
)
def test_klaviyo_needs_key_revision_media_type_and_fields(
    sim: Simulator, headers: dict[str, str], status: int
) -> None:
    answer = httpx.post(f"{sim.url}/klaviyo/api/events", headers=headers, content=b"{}")
    assert answer.status_code == status
    assert {"id", "code", "title", "detail"} <= set(answer.json()["errors"][0])


def test_twilio_needs_the_accounts_own_credentials_and_a_body(sim: Simulator) -> None:
    url = f"{sim.url}/twilio/2010-04-01/Accounts/{CONFIG.twilio_account_sid}/Messages.json"
    auth = (CONFIG.twilio_account_sid, CONFIG.twilio_auth_token)
    form = {"To": "+16025550123", "From": CONFIG.twilio_from}
    assert httpx.post(url, data=form).json()["code"] == 20003
    assert httpx.post(url.replace("AC0", "AC1"), data=form, auth=auth).status_code == 401
    assert httpx.post(url, data=form, auth=auth).json()["code"] == 21602
    assert httpx.post(url, data=form | {"Body": "x" * 1601}, auth=auth).json()["code"] == 21617
    made = httpx.post(url, data=form | {"Body": "hello"}, auth=auth)
    assert made.status_code == 201
    assert httpx.get(url.replace(".json", f"/{made.json()['sid']}.json"), auth=auth).json()["body"] == "hello"


@pytest.mark.parametrize(
    "order", [{}, {"mode": "odd"}, {"mode": "error", "times": "x"}, {"mode": "error", "match": 1}]
)
def test_a_fault_that_makes_no_sense_is_refused(sim: Simulator, order: dict[str, object]) -> None:
    assert httpx.post(f"{sim.url}/__sim__/faults", json=order).status_code == 400


def test_a_fault_hits_as_often_as_ordered(sim: Simulator, adapters: Adapters) -> None:
    sim.fault("klaviyo", "error", path="/api/events", times=2, status=502)
    assert len(httpx.get(f"{sim.url}/__sim__/faults").json()["faults"]) == 1
    statuses = []
    for _ in range(3):
        try:
            adapters.email.send_event(an_event())
            statuses.append("ok")
        except Exception as error:  # noqa: BLE001 its text is the assertion
            statuses.append(str(error))
    assert statuses == ["transient: events.create: 502 error", "transient: events.create: 502 error", "ok"]


def test_the_request_log_hides_credentials(sim: Simulator, adapters: Adapters) -> None:
    book(adapters, an_order(first_day(adapters).windows[0]), a_customer())
    adapters.sms.send(a_text())
    text = httpx.get(f"{sim.url}/__sim__/requests").text
    assert "Pat" in text
    for secret in (CONFIG.st_client_secret, CONFIG.st_app_key, "Bearer", "Basic"):
        assert secret not in text


def test_people_see_the_job_the_mail_and_the_text(sim: Simulator, adapters: Adapters) -> None:
    empty = httpx.get(f"{sim.url}/").text
    assert "No job yet" in empty
    job = book(adapters, an_order(first_day(adapters).windows[0]), a_customer(first_name="<b>Pat"))
    adapters.email.send_event(an_event())
    adapters.sms.send(a_text(body="A1 Garage: see you <soon>"))
    page = httpx.get(f"{sim.url}/")
    html5lib.HTMLParser(strict=True).parse(page.text)
    for words in (
        f"Job {job.job_id}",
        "8 AM",
        "10 AM",
        "&lt;b&gt;Pat",
        "You&#39;re booked",
        "see you &lt;soon&gt;",
    ):
        assert words in page.text, words
    for part in ("page.css", "page.js"):
        assert httpx.get(f"{sim.url}/static/{part}").status_code == 200


def test_a_reset_forgets_everything(sim: Simulator, adapters: Adapters) -> None:
    adapters.sms.send(a_text())
    assert httpx.post(f"{sim.url}/__sim__/reset").status_code == 204
    assert httpx.get(f"{sim.url}/__sim__/ledger").json() == {"effects": []}
    assert httpx.get(f"{sim.url}/__sim__/outbox/sms").json() == {"messages": []}


def test_every_delivery_zip_of_the_county_is_in_exactly_one_zone() -> None:
    served = [code for zone in ZONES for code in zone.zips]
    county = {
        row["zip_code"]
        for row in zipcodes.filter_by(state="AZ", county="Maricopa County")
        if row["zip_code_type"] == "STANDARD"
    }
    assert len(served) == len(set(served))
    assert county <= set(served)


def test_a_missing_credential_is_named() -> None:
    with pytest.raises(ValueError, match=r"ST_CLIENT_ID.*TWILIO_FROM or TWILIO_MESSAGING_SERVICE_SID"):
        load_config({"ST_TENANT_ID": "9001"})
