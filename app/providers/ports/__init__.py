"""What the application needs from the outside world, in plain data, so that a provider can be changed without touching the rest."""

from app.providers.ports.field_service import (
    CustomerRef,
    FieldAddress,
    FieldCustomer,
    FieldService,
    JobChanges,
    JobOrder,
    JobRef,
    JobStatus,
    Priority,
    Visit,
    VisitChanges,
    VisitStatus,
    WebTouch,
)
from app.providers.ports.messages import (
    EmailEvent,
    EmailProfile,
    EmailSender,
    Property,
    SmsMessage,
    SmsRecord,
    SmsSender,
)
from app.providers.ports.outcomes import CONFLICT, Outcome, ProviderError
from app.providers.ports.slots import OpenWindow, Place, SlotSource, Snapshot, Zone

__all__ = [
    "CONFLICT",
    "CustomerRef",
    "EmailEvent",
    "EmailProfile",
    "EmailSender",
    "FieldAddress",
    "FieldCustomer",
    "FieldService",
    "JobChanges",
    "JobOrder",
    "JobRef",
    "JobStatus",
    "OpenWindow",
    "Outcome",
    "Place",
    "Priority",
    "Property",
    "ProviderError",
    "SlotSource",
    "SmsMessage",
    "SmsRecord",
    "SmsSender",
    "Snapshot",
    "Visit",
    "VisitChanges",
    "VisitStatus",
    "WebTouch",
    "Zone",
]
