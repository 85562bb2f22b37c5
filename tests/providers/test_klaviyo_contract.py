"""The Klaviyo adapter against the simulator: an event sent ten times is one e-mail."""

from dataclasses import replace
from uuid import uuid4

import httpx
import pytest
from pytest_httpserver import HTTPServer

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
    ("status", "outcome"), [(410, Outcome.CONFIG), (415, Outcome.CONFIG), (404, Outcome.PERMANENT)]
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


NEWS = "/api/profile-subscription-bulk-create-jobs"


def news(sim: Simulator) -> Adapters:
    return sim.adapters(klaviyo_list_id="A1DEMO")


def test_a_subscription_is_for_news_by_email_on_our_list_and_says_no_time(sim: Simulator) -> None:
    news(sim).email.subscribe(PROFILE, "A1 online booking")
    (effect,) = sim.effects("klaviyo", "subscription")
    assert (effect["data"]["channels"], effect["data"]["list"]) == (["email.marketing"], "A1DEMO")
    assert set(effect["data"]["person"]) == {"email", "subscriptions"}
    assert "consented_at" not in str(effect["data"])
    (call,) = sim.calls(NEWS)
    assert call["headers"]["Revision"] == "2026-07-15"


def test_without_a_list_nobody_is_subscribed(sim: Simulator, adapters: Adapters) -> None:
    with pytest.raises(ProviderError) as caught:
        adapters.email.subscribe(PROFILE, "A1 online booking")
    assert caught.value.outcome is Outcome.CONFIG
    assert sim.calls(NEWS) == []


def test_a_list_that_does_not_exist_is_permanent(sim: Simulator) -> None:
    with pytest.raises(ProviderError) as caught:
        sim.adapters(klaviyo_list_id="other").email.subscribe(PROFILE, "A1 online booking")
    assert (caught.value.outcome, caught.value.status) == (Outcome.PERMANENT, 404)


@pytest.mark.parametrize(
    ("mode", "outcome"),
    [
        ("rate_limit", Outcome.THROTTLED),
        ("garbage", Outcome.UNCERTAIN),
        ("drop_after_commit", Outcome.UNCERTAIN),
    ],
)
def test_a_subscription_that_ends_badly_may_be_repeated(sim: Simulator, mode: str, outcome: Outcome) -> None:
    sim.fault("klaviyo", mode, "POST", NEWS, retry_after=2)
    with pytest.raises(ProviderError) as caught:
        news(sim).email.subscribe(PROFILE, "A1 online booking")
    assert caught.value.outcome is outcome
    news(sim).email.subscribe(PROFILE, "A1 online booking")


def test_a_profile_that_is_there_already_under_another_name_is_that_profile(
    httpserver: HTTPServer, sim: Simulator
) -> None:
    error = {
        "id": "e", "status": 409, "code": "duplicate_profile", "title": "Conflict.", "detail": "A profile already exists.",
        "source": {"pointer": "/data/attributes"}, "links": {}, "meta": {"duplicate_profile_id": "01GDDKASAP8TKDDA2GRZDSVP4H"},
    }  # fmt: skip
    httpserver.expect_request("/api/profile-import").respond_with_json({"errors": [error]}, status=409)
    adapters = sim.adapters(klaviyo_api_base=httpserver.url_for("").rstrip("/"))
    assert adapters.email.upsert_profile(PROFILE) == "01GDDKASAP8TKDDA2GRZDSVP4H"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, Outcome.PERMANENT), (401, Outcome.CONFIG), (403, Outcome.CONFIG), (404, Outcome.PERMANENT), (410, Outcome.CONFIG),
        (415, Outcome.CONFIG), (429, Outcome.THROTTLED), (500, Outcome.TRANSIENT), (503, Outcome.TRANSIENT), (524, Outcome.TRANSIENT),
    ],
)  # fmt: skip
def test_each_status_means_what_the_table_says(sim: Simulator, status: int, outcome: Outcome) -> None:
    sim.fault("klaviyo", "error", "POST", NEWS, status=status)
    with pytest.raises(ProviderError) as caught:
        news(sim).email.subscribe(PROFILE, "A1 online booking")
    assert caught.value.outcome is outcome


DELETIONS = "/api/data-privacy-deletion-jobs"


def test_a_person_is_deleted_under_our_id_and_a_second_time_there_is_nobody(
    sim: Simulator, adapters: Adapters
) -> None:
    profile_id = adapters.email.upsert_profile(PROFILE)
    assert adapters.email.delete_profile(PROFILE.external_id)
    (effect,) = sim.effects("klaviyo", "deletion")
    assert effect["id"] == profile_id
    assert PROFILE.email not in str(sim.calls(DELETIONS))
    assert not adapters.email.delete_profile(PROFILE.external_id)
    assert len(sim.calls(DELETIONS)) == 1


@pytest.mark.parametrize("mode", ["garbage", "empty"])
def test_an_unclear_answer_to_a_search_is_not_taken_for_nobody(
    sim: Simulator, adapters: Adapters, mode: str
) -> None:
    sim.fault("klaviyo", mode, "GET", "/api/profiles")
    with pytest.raises(ProviderError):
        adapters.email.delete_profile(PROFILE.external_id)
