"""Calls to the simulated providers as bare HTTP, the way somebody would who read nothing but their documents."""

from datetime import datetime, timedelta
from typing import Any

import httpx

from tests.providers.simulated import CONFIG, Simulator

T = "v2/tenant/9001"
ADDRESS = {
    "street": "12 Oak St",
    "unit": "2",
    "city": "Mesa",
    "state": "AZ",
    "zip": "85201",
    "country": "USA",
}
GUID = CONFIG.st_application_guid
Json = dict[str, Any]
_http = httpx.Client(timeout=30, trust_env=False)  # one for all: making one takes longer than most calls


class Wire:
    """One simulator, called with all the right credentials unless told otherwise."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self._token = ""

    def control(self, method: str, path: str, body: object = None, **params: object) -> httpx.Response:
        """Use the control API."""
        return _http.request(method, f"{self.sim.url}/__sim__/{path}", json=body, params=params or None)

    def flags(self, **values: object) -> None:
        """Turn switches."""
        self.control("POST", "flags", values).raise_for_status()

    def advance(self, seconds: float) -> None:
        """Push the simulated clock."""
        self.control("POST", "clock", {"advance_s": seconds}).raise_for_status()
        self._token = ""

    def st(self, method: str, path: str, body: object = None, **params: object) -> httpx.Response:
        """Call ServiceTitan: `crm/customers` is `/crm/v2/tenant/9001/customers`."""
        module, _, rest = path.partition("/")
        if not self._token:
            form = {"grant_type": "client_credentials", "client_id": CONFIG.st_client_id,
                    "client_secret": CONFIG.st_client_secret}  # fmt: skip
            answer = _http.post(f"{self.sim.url}/servicetitan/auth/connect/token", data=form)
            self._token = answer.json()["access_token"]
        headers = {"Authorization": f"Bearer {self._token}", "ST-App-Key": CONFIG.st_app_key}
        url = f"{self.sim.url}/servicetitan/api/{module}/{T}/{rest}"
        return _http.request(method, url, json=body, params=params or None, headers=headers)

    def kl(self, method: str, path: str, body: object = None, **params: object) -> httpx.Response:
        """Call Klaviyo."""
        headers = {"Authorization": f"Klaviyo-API-Key {CONFIG.klaviyo_private_key}", "revision": "2026-07-15",
                   "Content-Type": "application/vnd.api+json"}  # fmt: skip
        url = f"{self.sim.url}/klaviyo/api/{path}"
        return _http.request(method, url, json=body, params=params or None, headers=headers)

    def tw(self, method: str, path: str = "Messages", **form: str) -> httpx.Response:
        """Call Twilio; a GET takes the form as its query."""
        url = f"{self.sim.url}/twilio/2010-04-01/Accounts/{CONFIG.twilio_account_sid}/{path}.json"
        auth = (CONFIG.twilio_account_sid, CONFIG.twilio_auth_token)
        if method == "GET":
            return _http.get(url, params=form, auth=auth)
        return _http.request(method, url, data=form or None, auth=auth)

    def text(self, **form: str) -> Json:
        """Send a text message that is fine."""
        whole = {"To": "+16025550123", "From": CONFIG.twilio_from, "Body": "hello"} | form
        answer = self.tw("POST", **whole)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def customer(self, phone: str = "6025550123", key: str = "c-1", **more: object) -> Json:
        """Make a customer with one location."""
        contacts = [{"type": "MobilePhone", "value": phone, "memo": None}]
        body: Json = {
            "name": "Pat Jones", "type": "Residential", "address": ADDRESS, "contacts": contacts,
            "locations": [{"name": "Pat Jones", "address": ADDRESS, "contacts": contacts}],
            "externalData": {"applicationGuid": GUID, "externalData": [{"key": "a1_customer_id", "value": key}]},
        }  # fmt: skip
        answer = self.st("POST", "crm/customers", body | more)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def window(self, number: int = 0) -> tuple[str, str]:
        """Find an open window in Mesa tomorrow or later."""
        slots = self.slots()
        return slots[number]["slotStart"], slots[number]["slotEnd"]

    def slots(self, **more: object) -> list[Json]:
        """Ask what is open in Mesa within the next ten days."""
        now = self.control("GET", "clock").json()["now"]
        day = {"startUtc": _day(now, 1), "endUtc": _day(now, 10), "xType": "ArrivalWindow", "zones": [44]}
        answer = self.st("POST", "dispatch/adcap/availability/slots", day | more)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["availableSlots"])

    def job_body(self, start: str, end: str, key: str = "b-1", **more: object) -> Json:
        """Write an order for a job, with a customer of its own."""
        customer = self.customer(key=f"c-{key}")
        window = {"start": start, "end": end, "arrivalWindowStart": start, "arrivalWindowEnd": end}
        external = {"applicationGuid": GUID, "externalData": [{"key": "a1_booking_id", "value": key}]}
        return {
            "customerId": customer["id"], "locationId": customer["locations"][0]["id"], "businessUnitId": 1011,
            "jobTypeId": 2041, "priority": "Normal", "campaignId": 500, "appointments": [window],
            "summary": "Broken spring", "externalData": external,
        } | more  # fmt: skip

    def job(self, key: str = "b-1", window: int = 0, **more: object) -> Json:
        """Make a job."""
        answer = self.st("POST", "jpm/jobs", self.job_body(*self.window(window), key, **more))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def ledger(self, kind: str) -> list[Json]:
        """List the effects of one kind."""
        return list(self.control("GET", "ledger", kind=kind).json()["effects"])


def _day(now: str, ahead: int) -> str:
    from_now = datetime.fromisoformat(now) + timedelta(days=ahead)
    return f"{from_now:%Y-%m-%d}"
