"""Windows from our own opening hours: which there are, for how many, under which key, and that nobody is asked."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.providers.local_slots import LocalSlots, read_hours
from app.providers.ports import Outcome, Place, ProviderError, Zone
from app.providers.servicetitan_mapping import Area, FieldMapping
from tests.providers.simulated import Simulator

PHOENIX, DENVER = "America/Phoenix", "America/Denver"
MAPPING = FieldMapping(
    1011,
    2050,
    500,
    areas=(Area("East Valley", 1011, ("852*",), PHOENIX, 5), Area("Tucson", 1012, ("857*",))),
)
PLACES = (
    Place("85004", PHOENIX),
    Place("85201", PHOENIX),
    Place("85202", PHOENIX),
    Place("85701", PHOENIX),
    Place("80202", DENVER),
)


def source(hours: str = "mon-sun 08:00-10:00 10:00-12:00") -> LocalSlots:
    return LocalSlots(read_hours(hours), 2, MAPPING)


def local_hours(slots: LocalSlots, zone: Zone, day: datetime, days: int = 1) -> list[str]:
    found = slots.open_windows(zone, day, day + timedelta(days=days)).windows
    clocks = ZoneInfo(zone.timezone)
    return [f"{w.starts_at.astimezone(clocks):%a %H:%M}-{w.ends_at.astimezone(clocks):%H:%M}" for w in found]


def midnight(zone: str, *date: int) -> datetime:
    return datetime(*date, tzinfo=ZoneInfo(zone)).astimezone(UTC)  # type: ignore[arg-type, misc]


def test_places_are_grouped_by_area_and_time_zone() -> None:
    zones = {zone.id: zone for zone in source().zones(PLACES)}
    assert {name: zone.zip_codes for name, zone in zones.items()} == {
        "everywhere-america-phoenix": ("85004",),
        "east-valley": ("85201", "85202"),
        "tucson": ("85701",),
        "everywhere-america-denver": ("80202",),
    }
    assert (zones["tucson"].business_unit_id, zones["everywhere-america-denver"].timezone) == ("1012", DENVER)


def test_an_area_across_two_time_zones_is_two_zones() -> None:
    mapping = FieldMapping(1, 2, 3, areas=(Area("Border", 9, ("8*",), PHOENIX, 4),))
    slots = LocalSlots(read_hours("mon-sun 08:00-10:00"), 2, mapping)
    zones = slots.zones((Place("85201", PHOENIX), Place("80202", DENVER)))
    assert [(zone.id, zone.timezone) for zone in zones] == [
        ("border", PHOENIX),
        ("border-america-denver", DENVER),
    ]


def test_a_day_has_the_windows_of_its_weekday_with_all_crews() -> None:
    slots = source("mon-fri 08:00-10:00 13:00-15:00; sat 09:00-12:00")
    zone = next(zone for zone in slots.zones(PLACES) if zone.id == "east-valley")
    assert local_hours(slots, zone, midnight(PHOENIX, 2026, 12, 4), 3) == [
        "Fri 08:00-10:00",
        "Fri 13:00-15:00",
        "Sat 09:00-12:00",
    ]
    snapshot = slots.open_windows(zone, midnight(PHOENIX, 2026, 12, 4), midnight(PHOENIX, 2026, 12, 5))
    assert [(w.key, w.open) for w in snapshot.windows] == [
        ("loc1:1011:east-valley:20261204T150000Z:20261204T170000Z", 5),
        ("loc1:1011:east-valley:20261204T200000Z:20261204T220000Z", 5),
    ]
    assert snapshot.is_total
    assert snapshot.windows[0].key.startswith(snapshot.key_prefix)


def test_without_an_area_the_setting_says_how_many_crews() -> None:
    slots = source()
    zone = next(zone for zone in slots.zones(PLACES) if zone.id.startswith("everywhere"))
    day = midnight(PHOENIX, 2026, 12, 4)
    assert {w.open for w in slots.open_windows(zone, day, day + timedelta(days=1)).windows} == {2}


@pytest.mark.parametrize(
    ("day", "utc"),
    [((2026, 3, 7), 15), ((2026, 3, 8), 14), ((2026, 10, 31), 14), ((2026, 11, 1), 15)],
)
def test_local_hours_keep_their_wall_time_when_the_clocks_change(day: tuple[int, int, int], utc: int) -> None:
    slots = source("mon-sun 08:00-10:00")
    zone = Zone("everywhere-america-denver", "", (), "1011", DENVER)
    start = midnight(DENVER, *day)
    (window,) = slots.open_windows(zone, start, start + timedelta(hours=20)).windows
    assert (window.starts_at.hour, window.ends_at - window.starts_at) == (utc, timedelta(hours=2))


def test_an_hour_the_clock_skips_is_left_out_and_one_that_comes_twice_is_there_once() -> None:
    slots = source("mon-sun 01:30-02:30 04:00-05:00")
    zone = Zone("everywhere-america-denver", "", (), "1011", DENVER)
    assert local_hours(slots, zone, midnight(DENVER, 2026, 3, 8)) == ["Sun 04:00-05:00"]
    assert local_hours(slots, zone, midnight(DENVER, 2026, 11, 1)) == ["Sun 01:30-02:30", "Sun 04:00-05:00"]


def test_a_window_that_began_or_lies_beyond_the_span_is_not_in_it() -> None:
    slots = source()
    zone = Zone("everywhere-america-phoenix", "", (), "1011", PHOENIX)
    nine = midnight(PHOENIX, 2026, 12, 4) + timedelta(hours=9)
    found = slots.open_windows(zone, nine, nine + timedelta(days=1)).windows
    assert [(w.starts_at - nine) / timedelta(hours=1) for w in found] == [1.0, 23.0]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no window in it"),
        ("mon", "no window in it"),
        ("someday 08:00-10:00", "someday is no day or span of days like mon-fri"),
        ("mon 8-10", "8-10 is no window like 08:00-10:00"),
        ("mon 10:00-08:00", "10:00-08:00 ends before it starts"),
        ("mon-tue 08:00-10:00; tue 08:00-11:00", "tue 08:00 stands there twice"),
    ],
)
def test_hours_that_make_no_sense_are_refused(text: str, fault: str) -> None:
    with pytest.raises(ProviderError, match=f"SLOT_HOURS: {fault}") as caught:
        read_hours(text)
    assert caught.value.outcome is Outcome.CONFIG


def test_a_span_of_days_may_go_over_the_weekend() -> None:
    assert [hours.weekday for hours in read_hours("sat-mon 08:00-10:00")] == [0, 5, 6]


def test_nobody_is_asked_about_a_local_window(sim: Simulator) -> None:
    slots = sim.adapters(slot_provider="local").slot_source
    for zone in slots.zones(PLACES):
        now = datetime(2026, 12, 4, tzinfo=UTC)
        window = slots.open_windows(zone, now, now + timedelta(days=21)).windows[0]
        found = slots.find_window(window.key)
        assert found
        assert (found.key, found.starts_at, found.ends_at) == (window.key, window.starts_at, window.ends_at)
    assert sim.calls("") == []


def test_a_window_that_staff_opened_by_hand_is_open_whatever_the_source(sim: Simulator) -> None:
    key = "loc1:1011:85004:20261201T150000Z:20261201T170000Z"
    for provider in ("servicetitan_adcap", "servicetitan_capacity", "local"):
        found = sim.adapters(slot_provider=provider).slot_source.find_window(key)
        assert found
        assert found.open == 1
    assert sim.calls("") == []
