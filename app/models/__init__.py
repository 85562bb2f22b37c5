"""The tables: columns, constraints and names, one file each; behaviour lives where the business does."""

from app.models.analytics_event import AnalyticsEvent
from app.models.audit_log import AuditLog
from app.models.base import Base
from app.models.booking import Booking, BookingStatus
from app.models.booking_archive import BookingArchive
from app.models.booking_status_history import BookingStatusHistory
from app.models.booking_submission import BookingSubmission
from app.models.consent import Consent
from app.models.consent_text import ConsentText
from app.models.customer import Customer
from app.models.erasure_log import ErasureLog
from app.models.heartbeat import Heartbeat
from app.models.inbound_text import InboundText, Meaning
from app.models.lead import Lead
from app.models.manage_link import ManageLink
from app.models.notification import Channel, Notification, NotificationStatus
from app.models.partner import Partner
from app.models.provider_event import ProviderEvent
from app.models.provider_feed import ProviderFeed
from app.models.provider_health import ProviderHealth
from app.models.queue_job import JobOutcome, JobStatus, QueueJob
from app.models.report import (
    FunnelDaily,
    FunnelMonthly,
    ReportCountsDaily,
    ReportCountsMonthly,
    ReportDueDay,
    ReportEventsDaily,
    ReportEventsMonthly,
    ReportState,
    ReportView,
)
from app.models.service_area import ServiceArea
from app.models.slot_capacity import SlotCapacity
from app.models.sms_send import SmsSend
from app.models.staff import Role, Staff
from app.models.task_run import TaskRun
from app.models.time_slot import TimeSlot
from app.models.wizard_session import WizardSession
from app.models.zip_code import ZipCode

__all__ = [
    "AnalyticsEvent",
    "AuditLog",
    "Base",
    "Booking",
    "BookingArchive",
    "BookingStatus",
    "BookingStatusHistory",
    "BookingSubmission",
    "Channel",
    "Consent",
    "ConsentText",
    "Customer",
    "ErasureLog",
    "FunnelDaily",
    "FunnelMonthly",
    "Heartbeat",
    "InboundText",
    "JobOutcome",
    "JobStatus",
    "Lead",
    "ManageLink",
    "Meaning",
    "Notification",
    "NotificationStatus",
    "Partner",
    "ProviderEvent",
    "ProviderFeed",
    "ProviderHealth",
    "QueueJob",
    "ReportCountsDaily",
    "ReportCountsMonthly",
    "ReportDueDay",
    "ReportEventsDaily",
    "ReportEventsMonthly",
    "ReportState",
    "ReportView",
    "Role",
    "ServiceArea",
    "SlotCapacity",
    "SmsSend",
    "Staff",
    "TaskRun",
    "TimeSlot",
    "WizardSession",
    "ZipCode",
]
