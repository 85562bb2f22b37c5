"""A reminder comes when a homeowner expects it: never at night, never too late, on clock-change days as on any other."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.notifications import timing
from app.notifications.queue import MessageKind

DAY, SOON = MessageKind.REMINDER_DAY, MessageKind.REMINDER_SOON
PHOENIX, NEW_YORK, DENVER = "America/Phoenix", "America/New_York", "America/Denver"
ZONES = (PHOENIX, NEW_YORK, DENVER, "America/Los_Angeles", "Pacific/Honolulu", "America/Indiana/Indianapolis")


def at(words: str, zone: str) -> datetime:
    """Read a wall time of a place."""
    return datetime.fromisoformat(words).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def wall(moment: datetime, zone: str) -> str:
    """Write a moment as the wall time of a place."""
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("kind", "window", "leaves"),
    [
        (DAY, "2026-06-17 14:00", "2026-06-16 14:00"),
        (DAY, "2026-06-17 08:00", "2026-06-16 08:00"),
        (DAY, "2026-06-17 07:00", "2026-06-16 08:00"),
        (DAY, "2026-06-17 00:30", "2026-06-16 08:00"),
        (DAY, "2026-06-17 20:30", "2026-06-16 20:00"),
        (DAY, "2026-06-17 23:30", "2026-06-16 20:00"),
        (SOON, "2026-06-17 14:00", "2026-06-17 12:00"),
        (SOON, "2026-06-17 10:00", "2026-06-17 08:00"),
        (SOON, "2026-06-17 09:59", "2026-06-16 20:00"),
        (SOON, "2026-06-17 08:00", "2026-06-16 20:00"),
        (SOON, "2026-06-17 00:30", "2026-06-16 20:00"),
        (SOON, "2026-06-17 22:59", "2026-06-17 20:59"),
        (SOON, "2026-06-17 23:00", "2026-06-17 20:00"),
    ],
)
@pytest.mark.parametrize("zone", [PHOENIX, NEW_YORK])
def test_each_window_has_its_moment(kind: MessageKind, window: str, leaves: str, zone: str) -> None:
    assert wall(timing.due_at(kind, at(window, zone), zone), zone) == leaves


@pytest.mark.parametrize(
    ("zone", "window", "day", "soon"),
    [
        # clocks go forward in the night before the visit: «tomorrow» is 23 hours away
        (NEW_YORK, "2026-03-08 10:00", "2026-03-07 15:00Z", "2026-03-08 12:00Z"),
        (NEW_YORK, "2026-03-08 08:00", "2026-03-07 13:00Z", "2026-03-08 01:00Z"),
        # they go back: 25 hours
        (NEW_YORK, "2026-11-01 10:00", "2026-10-31 14:00Z", "2026-11-01 13:00Z"),
        (DENVER, "2026-11-01 08:00", "2026-10-31 14:00Z", "2026-11-01 02:00Z"),
        # Arizona has one time all year
        (PHOENIX, "2026-03-08 10:00", "2026-03-07 17:00Z", "2026-03-08 15:00Z"),
        (PHOENIX, "2026-11-01 10:00", "2026-10-31 17:00Z", "2026-11-01 15:00Z"),
    ],
)
def test_clock_changes_move_the_instant_and_not_the_wall_time(
    zone: str, window: str, day: str, soon: str
) -> None:
    starts_at = at(window, zone)
    assert timing.due_at(DAY, starts_at, zone) == datetime.fromisoformat(day)
    assert timing.due_at(SOON, starts_at, zone) == datetime.fromisoformat(soon)


@pytest.mark.parametrize(
    ("clock", "quiet", "ends"),
    [
        ("2026-06-17 20:59", False, "2026-06-17 20:59"),
        ("2026-06-17 21:00", True, "2026-06-18 08:00"),
        ("2026-06-18 00:00", True, "2026-06-18 08:00"),
        ("2026-06-18 07:59", True, "2026-06-18 08:00"),
        ("2026-06-18 08:00", False, "2026-06-18 08:00"),
    ],
)
def test_quiet_hours_are_those_of_the_area(clock: str, quiet: bool, ends: str) -> None:
    for zone in ZONES:
        moment = at(clock, zone)
        assert timing.is_quiet(moment, zone) is quiet
        assert wall(timing.quiet_until(moment, zone), zone) == ends


def test_a_night_with_a_clock_change_ends_at_eight_all_the_same() -> None:
    for evening in ("2026-03-07 22:00", "2026-10-31 22:00"):
        end = timing.quiet_until(at(evening, NEW_YORK), NEW_YORK)
        assert f"{end.astimezone(ZoneInfo(NEW_YORK)):%H:%M}" == "08:00"


@pytest.mark.parametrize(
    ("kind", "now", "reason"),
    [
        (DAY, "2026-06-16 20:59", None),
        (DAY, "2026-06-17 00:00", "it is not the day before any more"),
        (DAY, "2026-06-17 14:00", "the window has begun"),
        (SOON, "2026-06-17 13:59", None),
        (SOON, "2026-06-17 14:00", "the window has begun"),
    ],
)
def test_too_late_is_said(kind: MessageKind, now: str, reason: str | None) -> None:
    found = timing.too_late(kind, at(now, PHOENIX), at("2026-06-17 14:00", PHOENIX), PHOENIX)
    assert found == reason


@pytest.mark.parametrize(
    ("kind", "told", "wanted"),
    [
        (DAY, "2026-06-16 10:00", True),  # a day and four hours before the window
        (DAY, "2026-06-16 10:01", False),
        (SOON, "2026-06-17 11:00", True),  # three hours before
        (SOON, "2026-06-17 11:01", False),
    ],
)
def test_nobody_is_reminded_minutes_after_we_wrote(kind: MessageKind, told: str, wanted: bool) -> None:
    starts_at = at("2026-06-17 14:00", PHOENIX)
    found = timing.is_wanted(
        kind, now=timing.due_at(kind, starts_at, PHOENIX), starts_at=starts_at, zone=PHOENIX,
        told_at=at(told, PHOENIX),
    )  # fmt: skip
    assert found is wanted


MINUTES = st.integers(0, 2 * 365 * 24 * 60)


@given(
    minute=MINUTES,
    zone=st.sampled_from(ZONES),
    kind=st.sampled_from(timing.REMINDERS),
    late=st.integers(0, 2000),
)
def test_a_reminder_that_leaves_is_never_at_night_nor_untrue(
    minute: int, zone: str, kind: MessageKind, late: int
) -> None:
    starts_at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    due = timing.due_at(kind, starts_at, zone)
    assert not timing.is_quiet(due, zone)
    assert timing.too_late(kind, due, starts_at, zone) is None
    assert starts_at - timing.LOOK_AHEAD <= due < starts_at
    now = due + timedelta(minutes=late)
    if timing.is_wanted(kind, now=now, starts_at=starts_at, zone=zone, told_at=due - timedelta(days=3)):
        assert now < starts_at
        assert not timing.is_quiet(now, zone)
        local, starts = now.astimezone(ZoneInfo(zone)), starts_at.astimezone(ZoneInfo(zone))
        assert kind is not DAY or local.date() == starts.date() - timedelta(days=1)
