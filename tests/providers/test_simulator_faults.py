"""The simulator's bad weather: each fault does to the wire what it says, before or after the effect, and can be repeated."""

import time
from collections import Counter

import httpx
import pytest

from sandbox.providers.assumptions import ASSUMPTIONS
from sandbox.providers.config import load_config
from sandbox.providers.faults import CALLBACK_MODES, Mode
from tests.providers.simulated import CONFIG, Simulator
from tests.providers.waiting import until
from tests.providers.wire import Json, Wire

ANSWERED = {
    "error": (503, False), "rate_limit": (429, False), "latency": (201, True), "garbage": (200, True), "empty": (200, True),
    "malformed": (201, True), "wrong_type": (201, True), "redirect": (307, True), "huge": (200, True),
}  # fmt: skip
CUT_OFF = {"silent": False, "drop_before": False, "drop_after_commit": True, "half_answer": True}


def order(wire: Wire, mode: str, provider: str = "twilio", **more: object) -> None:
    wire.control("POST", "faults", {"provider": provider, "mode": mode, **more}).raise_for_status()


def send(wire: Wire) -> httpx.Response:
    return wire.tw("POST", To="+16025550123", From=CONFIG.twilio_from, Body="hello")


@pytest.mark.parametrize(("mode", "status", "happened"), [(m, *what) for m, what in ANSWERED.items()])
def test_a_fault_that_answers(sim: Simulator, wire: Wire, mode: str, status: int, happened: bool) -> None:
    order(wire, mode)
    answer = send(wire)
    assert answer.status_code == status
    assert len(sim.effects("twilio", "message")) == happened
    if mode in {"garbage", "empty", "malformed"}:
        with pytest.raises(ValueError, match=r".*"):
            answer.json()
    if mode == "wrong_type":
        assert answer.headers["Content-Type"].startswith("text/plain")
    if mode == "huge":
        assert len(answer.content) > 5_000_000
    assert send(wire).status_code == 201


@pytest.mark.parametrize(("mode", "happened"), CUT_OFF.items())
def test_a_fault_that_hangs_up(sim: Simulator, wire: Wire, mode: str, happened: bool) -> None:
    order(wire, mode, latency_ms=10)
    with pytest.raises(httpx.TransportError):
        send(wire)
    assert len(sim.effects("twilio", "message")) == happened


def test_drip_gives_one_byte_after_the_other(wire: Wire) -> None:
    order(wire, "drip")
    url = f"{wire.sim.url}/twilio/2010-04-01/Accounts/{CONFIG.twilio_account_sid}/Messages.json"
    auth = (CONFIG.twilio_account_sid, CONFIG.twilio_auth_token)
    with httpx.stream("GET", url, auth=auth) as answer:
        assert len(next(answer.iter_raw(1))) == 1


def test_every_mode_has_its_test() -> None:
    assert {mode.value for mode in Mode if mode not in CALLBACK_MODES} == {
        *ANSWERED,
        *CUT_OFF,
        "drip",
        "expire_token",
    }


def test_a_token_expires_on_demand(wire: Wire) -> None:
    assert wire.st("GET", "jpm/jobs").status_code == 200
    order(wire, "expire_token", "servicetitan")
    assert wire.st("GET", "jpm/jobs").status_code == 401


def test_an_answer_after_the_caller_has_left_finds_the_effect_done(sim: Simulator, wire: Wire) -> None:
    order(wire, "latency", latency_ms=1500)
    url = f"{sim.url}/twilio/2010-04-01/Accounts/{CONFIG.twilio_account_sid}/Messages.json"
    auth = (CONFIG.twilio_account_sid, CONFIG.twilio_auth_token)
    form = {"To": "+16025550123", "From": CONFIG.twilio_from, "Body": "hello"}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url, data=form, auth=auth, timeout=0.3)
    until(lambda: len(sim.effects("twilio", "message")) == 1)


@pytest.mark.parametrize(("given", "shown"), [(7, "7"), ("7", "7"), ("date:60", "GMT")])
def test_retry_after_in_seconds_or_as_a_date(wire: Wire, given: object, shown: str) -> None:
    order(wire, "rate_limit", retry_after=given)
    assert send(wire).headers["Retry-After"].endswith(shown)


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422, 429, 500, 502, 503])
@pytest.mark.parametrize("provider", ["servicetitan", "klaviyo", "twilio"])
def test_each_status_comes_in_the_providers_own_words(wire: Wire, provider: str, status: int) -> None:
    call = {
        "servicetitan": lambda: wire.st("GET", "jpm/jobs"),
        "klaviyo": lambda: wire.kl("GET", "metrics"),
        "twilio": lambda: send(wire),
    }
    if provider == "servicetitan":
        call[provider]()
    order(wire, "error", provider, status=status)
    answer = call[provider]()
    assert answer.status_code == status
    first = {
        "servicetitan": "status" if status != 429 else "statusCode",
        "klaviyo": "errors",
        "twilio": "code",
    }[provider]
    assert first in answer.json()


def chances(wire: Wire, seed: int, calls: int = 60, **more: object) -> list[str | None]:
    """Make calls under a share of faults and tell what happened to each."""
    wire.control("POST", "reset")
    plan = {
        "seed": seed,
        "share": 0.3,
        "latency_ms": 3,
        "modes": ["error", "drop_before", "drop_after_commit", "latency"],
        **more,
    }
    wire.control("POST", "faults", {"random": plan}).raise_for_status()
    for _ in range(calls):
        try:
            wire.kl("GET", "metrics")
        except httpx.TransportError:
            continue
    seen = wire.control("GET", "requests", provider="klaviyo").json()["requests"]
    return [row["fault"] for row in seen]


def test_chance_is_the_same_again_with_the_same_seed(wire: Wire) -> None:
    first = chances(wire, 1)
    assert chances(wire, 1) == first
    assert chances(wire, 2) != first
    share = sum(fault is not None for fault in first) / len(first)
    assert 0.1 < share < 0.5
    told = wire.control("GET", "faults").json()["random"]
    assert told["total"] == sum(told["hits"].values()) > 0


def test_chance_can_be_for_one_provider_and_ends(wire: Wire) -> None:
    assert set(chances(wire, 1, calls=10, provider="twilio")) == {None}
    assert set(chances(wire, 1, calls=10, share=1, modes={"error": 1})) == {"error"}
    wire.control("POST", "faults", {"random": None}).raise_for_status()
    assert wire.kl("GET", "metrics").status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [{"share": 2}, {"share": "x"}, {"modes": ["odd"]}, {"modes": ["late_webhook"]}, {"statuses": "500"}],
)
def test_chance_that_makes_no_sense_is_refused(wire: Wire, wrong: Json) -> None:
    assert wire.control("POST", "faults", {"random": {"seed": 1, "share": 0.1} | wrong}).status_code == 400


@pytest.mark.parametrize("how", ["reset", "error"])
def test_an_outage_lasts_until_its_time_on_the_simulated_clock(wire: Wire, how: str) -> None:
    wire.control("POST", "outage", {"provider": "twilio", "seconds": 6 * 3600, "how": how}).raise_for_status()
    if how == "error":
        assert send(wire).status_code == 503
    else:
        with pytest.raises(httpx.TransportError):
            send(wire)
    assert wire.kl("GET", "metrics").status_code == 200
    wire.advance(6 * 3600 + 1)
    assert send(wire).status_code == 201


def test_a_closed_listener_refuses_connections_and_opens_again(wire: Wire) -> None:
    url = wire.control("POST", "listeners", {"provider": "klaviyo"}).json()["url"]
    assert httpx.get(f"{url}/api/metrics").status_code == 401
    wire.control("POST", "outage", {"provider": "klaviyo", "seconds": 3600}).raise_for_status()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/api/metrics")
    wire.advance(3601)

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/api/metrics").status_code == 401
        except httpx.TransportError:
            return False

    until(answers)


def test_limits_and_latency_hold_until_they_are_taken_back(wire: Wire) -> None:
    wire.control("POST", "rates", {"provider": "twilio", "per_second": 3}).raise_for_status()
    codes = Counter(send(wire).status_code for _ in range(12))
    assert codes[429] > 0
    wire.control("POST", "latency", {"provider": "klaviyo", "p50_ms": 200, "p95_ms": 210}).raise_for_status()
    start = time.monotonic()
    wire.kl("GET", "metrics")
    assert time.monotonic() - start > 0.1
    wire.control("DELETE", "faults").raise_for_status()
    assert {send(wire).status_code for _ in range(6)} == {201}


@pytest.mark.parametrize(
    ("path", "body"),
    [("outage", {"provider": "mars"}), ("outage", {"how": "odd"}), ("latency", {"p50_ms": "x"}), ("listeners", {}),
     ("flags", {"odd": 1}), ("flags", {"st_adcap": "maybe"}), ("flags", {"st_reject_full": "perhaps"}), ("flags", {"st_export_page": "x"}),
     ("clock", {"advance_s": "x"}), ("twilio/inbound", {}), ("klaviyo/flows", {}), ("klaviyo/suppress", {})],
)  # fmt: skip
def test_an_order_that_makes_no_sense_is_refused(wire: Wire, path: str, body: Json) -> None:
    answer = wire.control("POST", path, body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_every_assumption_is_listed_with_its_switch_and_put_back(wire: Wire) -> None:
    wire.flags(st_reject_full=True, st_capacity_unit="jobs")
    rows = {row["flag"]: row for row in wire.control("GET", "assumptions").json()["assumptions"]}
    assert len(rows) == len(ASSUMPTIONS)
    assert (rows["st_reject_full"]["value"], rows["st_capacity_unit"]["value"]) == (True, "jobs")
    assert all(row["assumes"].endswith(".") for row in rows.values())
    wire.control("POST", "reset")
    rows = {row["flag"]: row for row in wire.control("GET", "assumptions").json()["assumptions"]}
    assert rows["st_reject_full"]["value"] is False


def test_the_environment_sets_switches() -> None:
    names = {name.upper(): str(value) for name, value in vars(CONFIG).items()}
    config = load_config(
        names | {"ST_REJECT_FULL": "1", "SIM_CHAOS_FIELDS": "1", "SIM_FLAGS": "twilio_stop=async"}
    )
    assert config.sim_flags == "sim_chaos_fields=1,st_reject_full=1,twilio_stop=async"


def test_the_ledger_counts_by_key_and_knows_each_payload(wire: Wire) -> None:
    body = wire.job_body(*wire.window())
    first, second = (
        wire.st("POST", "jpm/jobs", body | {"summary": words}).json() for words in ("one", "two")
    )
    (effect,) = wire.control("GET", "ledger", key="b-1").json()["effects"]
    assert (effect["id"], effect["count"], effect["data"]["repeated_as"]) == (
        str(first["id"]),
        2,
        str(second["id"]),
    )
    assert len(effect["hash"]) == 64
    assert effect["data"]["repeated_hash"] != effect["hash"]
    assert {row["kind"] for row in wire.control("GET", "ledger").json()["effects"]} == {"job"}
    assert {row["kind"] for row in wire.control("GET", "ledger", kind="all").json()["effects"]} == {
        "job",
        "customer",
        "location",
    }


def test_the_log_of_requests_is_bounded_and_names_faults(sim: Simulator, wire: Wire) -> None:
    order(wire, "error")
    send(wire)
    (seen,) = wire.control("GET", "requests", provider="twilio").json()["requests"]
    assert (seen["status"], seen["fault"]) == (503, "error")
    assert sim.world.requests.maxlen
    assert sim.world.told.maxlen
