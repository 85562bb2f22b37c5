"""What a demonstration's visitors did: invented people and their walks through the wizard, the same at every run."""

import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

STEPS = ("zip", "issue", "doors", "ownership", "slot", "contact", "review", "done")
STAY = (0.86, 0.9, 0.96, 0.98, 0.74, 0.8, 0.92)  # how many go on from each step
SECONDS = (9, 12, 14, 6, 38, 62, 21)  # how long a person usually stays there
NOTICE_DAYS = (1, 1, 1, 2, 2, 3, 4, 6)
STARTS = (8, 10, 12, 14, 16)
WINDOW = timedelta(hours=2)
FIRST_NAMES = [
    "Ana",
    "Ben",
    "Carla",
    "Dev",
    "Elena",
    "Frank",
    "Grace",
    "Hugo",
    "Iris",
    "Jamal",
    "Kim",
    "Luis",
    "Maya",
    "Noah",
    "Olga",
    "Pedro",
    "Quinn",
    "Rosa",
    "Sam",
    "Tara",
]
LAST_NAMES = [
    "Abbott",
    "Brooks",
    "Castillo",
    "Diaz",
    "Ellis",
    "Flores",
    "Garcia",
    "Hughes",
    "Irwin",
    "Jones",
    "Keller",
    "Lopez",
    "Meyer",
    "Novak",
    "Ortiz",
    "Price",
]
STREETS = [
    "Palm Ln",
    "Mesa Dr",
    "Cactus Rd",
    "Desert Willow Way",
    "Ocotillo St",
    "Camelback Rd",
    "Juniper Ave",
    "Saguaro Ct",
]
ISSUES = {
    "broken_spring": 26, "opener_dead": 19, "door_stuck_closed": 14, "noisy_slow": 11, "off_track": 8, "door_stuck_open": 7,
    "remote_keypad": 5, "tune_up": 4, "panel_damage": 3, "new_opener": 3,
}  # fmt: skip
OUTSIDE = ("86001", "85701", "86301", "85635", "86001", "85701", "92225")
REASONS = ("Fixed it with a neighbour", "Found another day with us", "Sold the house")


@dataclass(frozen=True)
class Campaign:
    """Where a visit came from. `goes_on` makes some sources book more often than others."""

    channel: str
    weight: int
    goes_on: float
    touch: dict[str, str] = field(default_factory=dict)
    is_partner: bool = False


CAMPAIGNS = (
    Campaign("paid_search", 34, 1.0, {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "spring-repair", "gclid": "demo"}),
    Campaign("paid_search", 9, .97, {"utm_source": "bing", "utm_medium": "cpc", "utm_campaign": "brand"}),
    Campaign("organic", 22, 1.01, {"referrer_origin": "https://www.google.com"}),
    Campaign("direct", 16, 1.03),
    Campaign("partner", 12, .98, {"utm_source": "homes", "utm_medium": "partner"}, is_partner=True),
    Campaign("paid_social", 6, .93, {"utm_source": "facebook", "utm_medium": "paid_social", "utm_campaign": "tune-up-offer"}),
    Campaign("email", 4, 1.04, {"utm_source": "newsletter", "utm_medium": "email", "utm_campaign": "november"}),
)  # fmt: skip


@dataclass(frozen=True)
class Person:
    """Somebody invented, with a number and a mailbox that exist nowhere."""

    first_name: str
    last_name: str
    email: str
    phone: str
    address_line1: str


@dataclass(frozen=True)
class Walk:
    """One visit: when it began, how far it got and how long it stayed at each step."""

    number: int
    at: datetime
    reached: int
    stays_ms: tuple[int, ...]
    campaign: Campaign
    device: str
    locale: str
    zip_code: str
    issue: str
    door_count: int
    door_age: int | None
    is_owner: bool
    wants_texts: bool
    person: Person
    visit_at: datetime
    cancel_reason: str | None
    outside: str | None

    @property
    def is_booked(self) -> bool:
        """Say whether it ended with a booking."""
        return self.reached == len(STEPS) - 1

    @property
    def booked_at(self) -> datetime:
        """Return when the last step was completed."""
        return self.at + timedelta(milliseconds=sum(self.stays_ms[: self.reached]))


@dataclass(frozen=True)
class Scene:
    """What all rows of a demonstration share."""

    now: datetime
    fee_cents: int
    direct_id: uuid.UUID
    partner_id: uuid.UUID
    partner_key: str

    def source_of(self, walk: Walk) -> str:
        """Return the booking source of a walk."""
        return f"partner:{self.partner_key}" if walk.campaign.is_partner else walk.campaign.channel


@dataclass(frozen=True)
class Made:
    """A walk with the ids the database made for it."""

    walk: Walk
    visit_id: uuid.UUID
    booking_id: uuid.UUID | None

    @property
    def status(self) -> str:
        """Return where a booking of this walk stands once its whole story is told."""
        return "cancelled" if self.walk.cancel_reason else "confirmed"


class Plan:
    """Invents walks; the windows it hands out never repeat."""

    def __init__(self, zip_codes: list[str], zone: str) -> None:
        self._zip_codes = zip_codes
        self._zone = ZoneInfo(zone)
        self._random = random.Random(20261122)  # noqa: S311 - a story, not a secret
        self._taken: set[tuple[str, datetime]] = set()
        self._number = 0

    def day(self, day: date, until: datetime) -> list[Walk]:
        """Return the visits of a day that began before `until`; weekends are quieter."""
        count = int(self._random.gauss(46, 6) * (0.6 if day.weekday() >= 5 else 1))
        moments = sorted(self._moment(day) for _ in range(max(count, 12)))
        return [self._walk(at) for at in moments if at < until]

    def _moment(self, day: date) -> datetime:
        hour = self._random.choices(
            range(24), [1, 1, 1, 1, 1, 3, 8, 12, 14, 13, 12, 11, 10, 10, 10, 11, 12, 12, 11, 9, 7, 5, 3, 2]
        )[0]
        at = time(hour, self._random.randrange(60), self._random.randrange(60))
        return datetime.combine(day, at, self._zone).astimezone(UTC)

    def _walk(self, at: datetime) -> Walk:
        roll = self._random
        self._number += 1
        campaign = roll.choices(CAMPAIGNS, [each.weight for each in CAMPAIGNS])[0]
        reached = 0
        while reached < len(STAY) and roll.random() < STAY[reached] * campaign.goes_on:
            reached += 1
        zip_code = roll.choice(self._zip_codes)
        return Walk(
            number=self._number,
            at=at,
            reached=reached,
            stays_ms=tuple(int(1000 * seconds * roll.lognormvariate(0, 0.5)) for seconds in SECONDS),
            campaign=campaign,
            device=roll.choices(("mobile", "desktop", "tablet"), (71, 24, 5))[0],
            locale=roll.choices(("en", "es"), (86, 14))[0],
            zip_code=zip_code,
            issue=roll.choices(list(ISSUES), list(ISSUES.values()))[0],
            door_count=roll.choices((1, 2, 3), (74, 21, 5))[0],
            door_age=roll.choice((2, 7, 12, 20, 35, None)),
            is_owner=roll.random() < 0.86,
            wants_texts=roll.random() < 0.7,
            person=self._person(),
            visit_at=self._window(zip_code, at),
            cancel_reason=roll.choice(REASONS) if roll.random() < 0.07 else None,
            outside=roll.choice(OUTSIDE) if reached == 0 and roll.random() < 0.4 else None,
        )

    def _person(self) -> Person:
        roll, number = self._random, self._number
        first, last = roll.choice(FIRST_NAMES), roll.choice(LAST_NAMES)
        phone = f"+1{roll.choice(('602', '480', '623'))}55501{number % 100:02}"
        address = f"{roll.randrange(100, 9900)} {roll.choice('EWNS')} {roll.choice(STREETS)}"
        return Person(first, last, f"{first}.{last}.{number}@example.com".lower(), phone, address)

    def _window(self, zip_code: str, at: datetime) -> datetime:
        """Return the start of a window soon after, or later where few ZIP codes have many visitors, that nobody has."""
        today = at.astimezone(self._zone).date()
        for tries in count():
            day = today + timedelta(days=self._random.choice(NOTICE_DAYS) + tries // 20)
            start = datetime.combine(day, time(self._random.choice(STARTS)), self._zone).astimezone(UTC)
            if (zip_code, start) not in self._taken:
                break
        self._taken.add((zip_code, start))
        return start
