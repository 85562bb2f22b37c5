"""What can be wrong with a garage door, in the homeowner's words: we record what is seen and never diagnose."""

from dataclasses import dataclass
from enum import StrEnum


def N_(words: str) -> str:  # noqa: N802 - the name translators' tools look for
    """Mark words for translation; the page translates them."""
    return words


class Urgency(StrEnum):
    """How soon the office wants to know."""

    EMERGENCY = "emergency"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"
    PLANNED = "planned"


@dataclass(frozen=True)
class Issue:
    """One kind of issue. `common` ones are shown first."""

    code: str
    title: str
    hint: str
    urgency: Urgency
    common: bool = False

    @property
    def emergency(self) -> bool:
        """Say whether the page must offer the call before anything else."""
        return self.urgency is Urgency.EMERGENCY


ISSUES = (
    Issue(
        "door_stuck_closed", N_("Won't open"), N_("Stuck closed or stops halfway"), Urgency.HIGH, common=True
    ),
    Issue(
        "door_stuck_open",
        N_("Won't close"),
        N_("Stuck open, home not secure"),
        Urgency.EMERGENCY,
        common=True,
    ),
    Issue("broken_spring", N_("Broken spring"), N_("Loud bang, door feels heavy"), Urgency.HIGH, common=True),
    Issue(
        "off_track",
        N_("Off track or crooked"),
        N_("Rollers out, door hanging"),
        Urgency.EMERGENCY,
        common=True,
    ),
    Issue(
        "opener_dead", N_("Opener trouble"), N_("Motor runs, door doesn't move"), Urgency.NORMAL, common=True
    ),
    Issue(
        "reverses", N_("Goes down, comes back up"), N_("Sensor light blinking"), Urgency.NORMAL, common=True
    ),
    Issue("noisy_slow", N_("Noisy or shaky"), N_("Grinding, squeaking, jerking"), Urgency.LOW, common=True),
    Issue("not_sure", N_("Not sure"), N_("Show us at the visit"), Urgency.NORMAL, common=True),
    Issue("broken_cable", N_("Loose or snapped cable"), N_("A wire hangs beside the door"), Urgency.HIGH),
    Issue("remote_keypad", N_("Remote, keypad or app"), N_("The door works by hand button"), Urgency.LOW),
    Issue("panel_damage", N_("Hit or dented panel"), N_("The door was bumped"), Urgency.NORMAL),
    Issue(
        "frozen_or_sealed", N_("Weather strip or seal"), N_("A gap, or frozen to the floor"), Urgency.NORMAL
    ),
    Issue("tune_up", N_("Tune-up"), N_("Safety check and service"), Urgency.PLANNED),
    Issue("new_opener", N_("New opener"), N_("An estimate at home"), Urgency.PLANNED),
    Issue("new_door", N_("New door"), N_("An estimate at home"), Urgency.PLANNED),
    Issue("warranty_return", N_("You fixed it and it's back"), N_("Within our warranty"), Urgency.HIGH),
    Issue("commercial", N_("Business or dock door"), N_("Rolling and commercial doors"), Urgency.NORMAL),
)
BY_CODE = {issue.code: issue for issue in ISSUES}
COMMON = tuple(issue for issue in ISSUES if issue.common)
OTHERS = tuple(issue for issue in ISSUES if not issue.common)
