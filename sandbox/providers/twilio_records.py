"""What Twilio keeps on file: each message with what became of it, by its id and by its number."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.providers.records import Counter


@dataclass
class Text:
    """One SMS and where it is on its way."""

    sid: str
    to: str
    sender: str | None
    service: str | None
    body: str
    status: str
    created_at: datetime
    callback: str | None
    error_code: int | None = None
    direction: str = "outbound-api"
    sent_at: datetime | None = None
    updated_at: datetime | None = None
    send_at: datetime | None = None
    told: list[tuple[str, str]] = field(default_factory=list)
    held: list[str] = field(default_factory=list)


@dataclass
class PhoneCompany:
    """Twilio's files."""

    texts: list[Text] = field(default_factory=list)
    by_sid: dict[str, Text] = field(default_factory=dict)
    by_number: dict[str, list[Text]] = field(default_factory=lambda: defaultdict(list))
    replies: list[Text] = field(default_factory=list)
    opted_out: set[str] = field(default_factory=set)
    refusals: dict[str, int] = field(default_factory=dict)
    text_ids: Counter = field(default_factory=lambda: Counter(1))

    def keep(self, text: Text) -> None:
        """File a message."""
        self.texts.append(text)
        self.by_sid[text.sid] = text
        self.by_number[text.to].append(text)
