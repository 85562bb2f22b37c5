"""What Klaviyo keeps on file, with the indexes that find a person by any of their names."""

from dataclasses import dataclass, field
from datetime import datetime

from sandbox.providers.records import Counter

Json = dict[str, object]


@dataclass
class Profile:
    """A person as Klaviyo knows them."""

    id: str
    attributes: Json
    created_at: datetime
    updated_at: datetime
    consent: dict[str, Json] = field(default_factory=dict)
    suppressions: list[str] = field(default_factory=list)


@dataclass
class MailEvent:
    """An event, and the e-mail a flow makes of it."""

    id: str
    profile_id: str
    metric: str
    unique_id: str
    at: str
    properties: Json
    to: str
    first_name: str
    happened_at: datetime
    template: str | None = None
    mailed: bool = True


@dataclass
class Flow:
    """What turns events of one metric into e-mails."""

    metric: str
    template: str
    live: bool = True
    transactional: bool = True


@dataclass
class Hook:
    """A system webhook somebody registered."""

    id: str
    name: str
    url: str
    secret: str
    topics: list[str]


@dataclass
class MailHouse:
    """Klaviyo's files."""

    profiles: list[Profile] = field(default_factory=list)
    by_id: dict[str, Profile] = field(default_factory=dict)
    by_name: dict[tuple[str, str], Profile] = field(default_factory=dict)
    events: list[MailEvent] = field(default_factory=list)
    seen: set[tuple[str, str, str]] = field(default_factory=set)
    metrics: dict[str, str] = field(default_factory=dict)
    flows: dict[str, Flow] = field(default_factory=dict)
    hooks: dict[str, Hook] = field(default_factory=dict)
    windows: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    profile_ids: Counter = field(default_factory=lambda: Counter(1))
    event_ids: Counter = field(default_factory=lambda: Counter(1))
    hook_ids: Counter = field(default_factory=lambda: Counter(1))

    def metric_id(self, name: str) -> str:
        """Give a metric its id, made when its first event comes."""
        return self.metrics.setdefault(name, f"MET{len(self.metrics) + 1:03d}")
