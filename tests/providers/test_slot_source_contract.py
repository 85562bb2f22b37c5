"""The slot source against the simulator: what is open, for how many, under which key."""

from datetime import timedelta

import pytest

from app.providers import Adapters
from app.providers.ports import FieldAddress, Outcome, ProviderError
from tests.providers.samples import a_customer, an_order, book, first_day, mesa, tomorrow
from tests.providers.simulated import Simulator


def test_zones_share_no_zip_and_know_their_business_unit(adapters: Adapters) -> None:
    zones = adapters.slot_source.zones()
    codes = [code for zone in zones for code in zone.zip_codes]
    assert len(codes) == len(set(codes)) > 180
    assert {zone.business_unit_id for zone in zones} == {"1011", "1012"}


def test_a_day_has_its_windows_with_the_crew_as_capacity(adapters: Adapters) -> None:
    day = first_day(adapters)
    local = [
        ((w.starts_at - timedelta(hours=7)).hour, (w.ends_at - timedelta(hours=7)).hour, w.open)
        for w in day.windows
    ]
    assert local == [(8, 10, 2), (10, 12, 3), (12, 14, 3), (14, 16, 3), (16, 18, 1)]


def test_three_weeks_are_asked_for_in_pieces_of_fourteen_days(sim: Simulator, adapters: Adapters) -> None:
    snapshot = adapters.slot_source.open_windows(mesa(adapters), tomorrow(), tomorrow() + timedelta(days=21))
    assert len(snapshot.windows) == 21 * 5
    assert len(sim.calls("/slots")) == 2
    assert all(w.key.startswith(snapshot.key_prefix) for w in snapshot.windows)


def test_keys_name_crew_and_window_without_the_job_type(adapters: Adapters) -> None:
    window = first_day(adapters).windows[0]
    start, end = f"{window.starts_at:%Y%m%dT%H%M%SZ}", f"{window.ends_at:%Y%m%dT%H%M%SZ}"
    assert window.key == f"ac1:1011:44:{start}:{end}"
    assert len(window.key) <= 100


def test_a_job_takes_room_for_every_zip_of_the_zone_and_a_cancel_gives_it_back(adapters: Adapters) -> None:
    window = first_day(adapters).windows[1]
    tempe = FieldAddress("9 Elm Road", "Tempe", "AZ", "85281")
    job = book(adapters, an_order(window), a_customer(address=tempe))
    taken = adapters.slot_source.find_window(window.key)
    assert taken
    assert taken.open == window.open - 1
    adapters.field_service.cancel_job(job.job_id, "Cancelled online")
    assert adapters.slot_source.find_window(window.key) == window


def test_a_full_window_is_missing_and_the_others_are_not(adapters: Adapters) -> None:
    before = first_day(adapters)
    window = before.windows[0]
    for _ in range(window.open):
        book(adapters, an_order(window), a_customer())
    after = first_day(adapters)
    assert [w.key for w in after.windows] == [w.key for w in before.windows[1:]]
    assert adapters.slot_source.find_window(window.key) is None


def test_the_snapshot_is_as_old_as_its_request(adapters: Adapters) -> None:
    asked_at = tomorrow()
    snapshot = adapters.slot_source.open_windows(
        mesa(adapters), tomorrow(), tomorrow() + timedelta(days=1), requested_at=asked_at
    )
    assert snapshot.requested_at == asked_at
    assert first_day(adapters).requested_at < asked_at


@pytest.mark.parametrize("key", ["", "loc1:1:2:3:4", "ac1:1011:44:2026:2027", "ac1:1011:44"])
def test_a_key_of_another_source_is_refused(adapters: Adapters, key: str) -> None:
    with pytest.raises(ProviderError) as caught:
        adapters.slot_source.find_window(key)
    assert caught.value.outcome is Outcome.PERMANENT


@pytest.mark.parametrize("mode", ["garbage", "empty", "redirect"])
def test_an_answer_that_makes_no_sense_is_no_snapshot(sim: Simulator, adapters: Adapters, mode: str) -> None:
    zone = mesa(adapters)
    sim.fault("servicetitan", mode, "POST", "/slots")
    with pytest.raises(ProviderError) as caught:
        adapters.slot_source.open_windows(zone, tomorrow(), tomorrow() + timedelta(days=1))
    assert caught.value.outcome is (Outcome.CONFIG if mode == "redirect" else Outcome.UNCERTAIN)
