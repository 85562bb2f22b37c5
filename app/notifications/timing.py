"""When a reminder may leave: the day before and two hours before, never at night, all by the clock where the garage is.

- The day reminder leaves the day before at the window's own time of day, but not before 8 AM and not after 8 PM. It says
  «tomorrow», so it never leaves on the day itself.
- The soon reminder leaves two hours before the window. Where that is night (a window at 8 AM would mean 6 AM) it leaves
  at 8 PM the evening before, while people still plan their morning. It never leaves once the window has begun.
- Nobody is reminded minutes after we wrote about the same window: the reminder's moment must lie at least four hours
  (day) or one hour (soon) after that, or there is none.
- Quiet hours bind e-mail too: a phone lights up for it all the same.
"""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.notifications.queue import MessageKind

QUIET_FROM, QUIET_TO = time(21), time(8)
EVENING = time(20)
SOON = timedelta(hours=2)
REST = {MessageKind.REMINDER_DAY: timedelta(hours=4), MessageKind.REMINDER_SOON: timedelta(hours=1)}
REMINDERS = tuple(REST)
LOOK_AHEAD = timedelta(
    hours=30
)  # the earliest: 8 PM for a window that begins at 11:59 PM the day after, clocks changed


def is_quiet(at: datetime, zone: str) -> bool:
    """Say whether people sleep then, or want to be left alone."""
    clock = at.astimezone(ZoneInfo(zone)).time()
    return clock >= QUIET_FROM or clock < QUIET_TO


def quiet_until(at: datetime, zone: str) -> datetime:
    """Return when the quiet hours around a moment end; a moment outside of them is returned as it is."""
    if not is_quiet(at, zone):
        return at
    local = at.astimezone(ZoneInfo(zone))
    day = local.date() + timedelta(days=local.time() >= QUIET_FROM)
    return datetime.combine(day, QUIET_TO, ZoneInfo(zone))


def due_at(kind: MessageKind, starts_at: datetime, zone: str) -> datetime:
    """Return when a reminder of a window leaves."""
    here = ZoneInfo(zone)
    if kind is MessageKind.REMINDER_DAY:
        starts = starts_at.astimezone(here)
        at = min(max(starts.time(), QUIET_TO), EVENING)
        return datetime.combine(starts.date() - timedelta(days=1), at, here)
    due = (starts_at - SOON).astimezone(here)
    if not is_quiet(due, zone):
        return due
    return datetime.combine(due.date() - timedelta(days=due.time() < QUIET_TO), EVENING, here)


def too_late(kind: MessageKind, at: datetime, starts_at: datetime, zone: str) -> str | None:
    """Say why a reminder that leaves at this moment would not be true or of use any more."""
    if at >= starts_at:
        return "the window has begun"
    here = ZoneInfo(zone)
    eve = starts_at.astimezone(here).date() - timedelta(days=1)
    if kind is MessageKind.REMINDER_DAY and at.astimezone(here).date() != eve:
        return "it is not the day before any more"
    return None


def is_wanted(kind: MessageKind, *, now: datetime, starts_at: datetime, zone: str, told_at: datetime) -> bool:
    """Say whether a reminder should leave now; `told_at` is when we last wrote about this window."""
    due = due_at(kind, starts_at, zone)
    return (
        told_at + REST[kind] <= due <= now
        and not is_quiet(now, zone)
        and too_late(kind, now, starts_at, zone) is None
    )
