"""What our words are called at one ServiceTitan tenant: areas, issues and campaigns, from settings and a checked file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from app.providers.ports import JobOrder, WebTouch

CUSTOM_FIELDS = (
    "reference",
    "door_count",
    "door_age",
    "homeowner_status",
    "owner_permission",
    "booking_source",
)


@dataclass(frozen=True)
class Area:
    """ZIP codes that one business unit serves; a code may be a beginning like 857*. `crews` counts for local windows only."""

    name: str
    business_unit_id: int
    zip_codes: tuple[str, ...]
    timezone: str | None = None
    crews: int | None = None

    def covers(self, zip_code: str) -> bool:
        """Tell whether a ZIP code belongs here."""
        return any(
            zip_code.startswith(code[:-1]) if code.endswith("*") else zip_code == code
            for code in self.zip_codes
        )


@dataclass(frozen=True)
class IssueRule:
    """The job type of an issue, and how many minutes the work takes where the window does not say it."""

    job_type_id: int
    minutes: int | None = None


@dataclass(frozen=True)
class CampaignRule:
    """A campaign for bookings that match everything named here."""

    campaign_id: int
    booking_source: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None

    def matches(self, booking_source: str, touch: WebTouch | None) -> bool:
        """Tell whether a booking came this way."""
        seen = {
            "booking_source": booking_source,
            "utm_source": touch.utm_source if touch else None,
            "utm_medium": touch.utm_medium if touch else None,
        }
        wanted = {name: getattr(self, name) for name in seen if getattr(self, name) is not None}
        return all((seen[name] or "").casefold() == value.casefold() for name, value in wanted.items())


@dataclass(frozen=True)
class FieldMapping:
    """Every answer has a default, so that a booking always finds its unit, job type and campaign."""

    business_unit_id: int
    job_type_id: int
    campaign_id: int
    timezone: str = "America/Phoenix"
    visit_minutes: int = 120
    areas: tuple[Area, ...] = ()
    issues: Mapping[str, IssueRule] = field(default_factory=dict)
    campaigns: tuple[CampaignRule, ...] = ()
    tags: tuple[int, ...] = ()
    custom_fields: Mapping[str, int] = field(default_factory=dict)

    def area_of(self, zip_code: str) -> Area | None:
        """Return the first area that covers a ZIP code."""
        return next((area for area in self.areas if area.covers(zip_code)), None)

    def unit_of(self, zip_code: str) -> int:
        """Return the business unit that serves a ZIP code."""
        area = self.area_of(zip_code)
        return area.business_unit_id if area else self.business_unit_id

    def zone_of(self, business_unit_id: int) -> ZoneInfo:
        """Return the time zone a business unit's clocks show."""
        names = [area.timezone for area in self.areas if area.business_unit_id == business_unit_id]
        return ZoneInfo(next((name for name in names if name), self.timezone))

    def job_type_of(self, issue_type: str) -> int:
        """Return the job type of an issue."""
        rule = self.issues.get(issue_type)
        return rule.job_type_id if rule else self.job_type_id

    def minutes_of(self, issue_type: str) -> int | None:
        """Return how long work on an issue takes, where that is said."""
        rule = self.issues.get(issue_type)
        return rule.minutes if rule else None

    def campaign_of(self, booking_source: str, touch: WebTouch | None) -> int:
        """Return the campaign of the first rule that matches."""
        found = (rule.campaign_id for rule in self.campaigns if rule.matches(booking_source, touch))
        return next(found, self.campaign_id)

    def custom_fields_of(self, order: JobOrder) -> list[dict[str, object]]:
        """Return the job's custom fields; what is not known is left out."""
        values = {name: getattr(order, name) for name in self.custom_fields}
        return [
            {"typeId": self.custom_fields[name], "value": str(value)}
            for name, value in values.items()
            if value not in {None, ""}
        ]
