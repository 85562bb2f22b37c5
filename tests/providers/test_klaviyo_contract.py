"""The Klaviyo adapter against the simulator: an event sent ten times is one e-mail."""

from dataclasses import replace
from uuid import uuid4

import httpx
import pytest

from app.providers import Adapters
from app.providers.ports import Outcome, ProviderError
from tests.providers.samples import PROFILE, an_event
from tests.providers.simulated import Simulator


def test_an_event_repeated_ten_times_happens_once(sim: Simulator, adapters: Adapters) -> None:
    assert {adapters.email.send_event(an_event()) for _ in range(10)} == {"booking-1:confirmed:1"}
    (effect,) = sim.effects("klaviyo", "event")
    assert (effect["key"], effect["count"]) == ("booking-1:confirmed:1", 1)
    assert len(sim.calls("/api/events")) == 10


def test_another_unique_id_or_metric_is_another_event(sim: Simulator, adapters: Adapters) -> None:
    adapters.email.send_event(an_event())
    adapters.email.send_event(an_event("booking-1:moved:2"))
    adapters.email.send_event(an_event("booking-1:cancelled:3", "A1 Booking Cancelled"))
    outbox = httpx.get(f"{sim.url}/__sim__/outbox/email").json()["messages"]
    assert [mail["unique_id"] for mail in outbox] == [
        "booking-1:confirmed:1",
        "booking-1:moved:2",
        "booking-1:cancelled:3",
    ]
    assert outbox[0]["to"] == "pat@example.com"
    assert outbox[0]["properties"]["doors"] == 2


def test_a_lost_answer_and_a_repeat_are_one_event(sim: Simulator, adapters: Adapters) -> None:
    sim.fault("klaviyo", "drop_after_commit", "POST", "/api/events")
    with pytest.raises(ProviderError) as caught:
        adapters.email.send_event(an_event())
    assert caught.value.outcome is Outcome.UNCERTAIN
    adapters.email.send_event(an_event())
    assert [effect["count"] for effect in sim.effects("klaviyo", "event")] == [1]


def test_a_profile_is_created_then_updated(adapters: Adapters) -> None:
    first = adapters.email.upsert_profile(PROFILE)
    assert adapters.email.upsert_profile(replace(PROFILE, first_name="Patricia")) == first
    other = replace(PROFILE, email="sam@example.com", external_id=str(uuid4()), phone=None)
    assert adapters.email.upsert_profile(other) != first


def test_the_revision_is_on_every_call(sim: Simulator, adapters: Adapters) -> None:
    adapters.email.upsert_profile(PROFILE)
    adapters.email.send_event(an_event())
    for seen in [*sim.calls("/api/events"), *sim.calls("/api/profile-import")]:
        headers = seen["headers"]
        assert isinstance(headers, dict)
        assert headers["Revision"] == "2026-07-15"


@pytest.mark.parametrize("mode", ["garbage", "empty"])
def test_any_success_but_202_leaves_open_what_happened(sim: Simulator, adapters: Adapters, mode: str) -> None:
    sim.fault("klaviyo", mode, "POST", "/api/events")
    with pytest.raises(ProviderError) as caught:
        adapters.email.send_event(an_event())
    assert caught.value.outcome is Outcome.UNCERTAIN


def test_a_storm_is_waited_out(sim: Simulator, adapters: Adapters) -> None:
    sim.fault("klaviyo", "rate_limit", retry_after=3)
    with pytest.raises(ProviderError) as caught:
        adapters.email.send_event(an_event())
    assert (caught.value.outcome, caught.value.retry_after, caught.value.code) == (
        Outcome.THROTTLED,
        3.0,
        "throttled",
    )


@pytest.mark.parametrize(
    ("status", "outcome"), [(410, Outcome.CONFIG), (415, Outcome.CONFIG), (409, Outcome.PERMANENT)]
)
def test_a_retired_revision_is_a_matter_of_configuration(
    sim: Simulator, adapters: Adapters, status: int, outcome: Outcome
) -> None:
    sim.fault("klaviyo", "error", status=status)
    with pytest.raises(ProviderError) as caught:
        adapters.email.send_event(an_event())
    assert caught.value.outcome is outcome


def test_a_wrong_key_is_a_matter_of_configuration(sim: Simulator) -> None:
    with pytest.raises(ProviderError) as caught:
        sim.adapters(klaviyo_private_key="pk_other").email.send_event(an_event())
    assert (caught.value.outcome, caught.value.code) == (Outcome.CONFIG, "not_authenticated")


def test_a_refusal_names_the_field_and_not_the_value(adapters: Adapters) -> None:
    with pytest.raises(ProviderError) as caught:
        adapters.email.upsert_profile(replace(PROFILE, phone="602-555"))
    assert caught.value.outcome is Outcome.PERMANENT
    assert caught.value.reason == "profiles.import: 400 invalid /data/attributes/phone_number"
