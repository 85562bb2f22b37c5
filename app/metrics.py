"""Figures for Prometheus: what is logged is what is counted, so each counter here names the log event it counts.

Labels come from closed sets only: never an id, an address or what somebody typed. With PROMETHEUS_MULTIPROC_DIR set, all
processes of a machine write into that folder and any web process answers for all of them.
"""

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import Counter, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)

Fields = Mapping[str, Any]  # Any: a log event's fields
Amount = Callable[[Fields], float | None]


@dataclass(frozen=True)
class Counted:
    """One figure: the events it counts, the event fields that are its labels, and by how much it grows.

    `labels` maps a label to the field it is read from. An amount of None leaves the event out.
    """

    events: tuple[str, ...]
    metric: Counter | Histogram
    labels: Mapping[str, str]
    amount: Amount

    def take(self, fields: Fields) -> None:
        """Count one event."""
        amount = self.amount(fields)
        if amount is None:
            return
        values = {label: str(fields.get(field, "")) for label, field in self.labels.items()}
        metric = self.metric.labels(**values) if values else self.metric
        if isinstance(metric, Counter):
            metric.inc(amount)
        else:
            metric.observe(amount)


def once(_fields: Fields) -> float:
    """Count the event as one."""
    return 1.0


def when(field: str, *values: str) -> Amount:
    """Count the event where a field has one of these values, or any value when none is named."""
    return lambda fields: 1.0 if field in fields and (not values or fields[field] in values) else None


def seconds(fields: Fields) -> float | None:
    """Return how long what the event tells of took."""
    duration = fields.get("duration_ms")
    return None if duration is None else float(duration) / 1000


def number(field: str) -> Amount:
    """Count by a number the event carries."""
    return lambda fields: float(fields.get(field, 0))


def both(first: Amount, second: Amount) -> Amount:
    """Count where both would."""
    return lambda fields: None if first(fields) is None else second(fields)


def counter(
    name: str, help_text: str, *events: str, labels: Mapping[str, str] | None = None, amount: Amount = once
) -> Counted:
    """Make a counter of log events."""
    fields = labels or {}
    return Counted(events, Counter(name, help_text, tuple(fields)), fields, amount)


def histogram(name: str, help_text: str, event: str, labels: Mapping[str, str]) -> Counted:
    """Make a histogram of how long what an event tells of took."""
    return Counted((event,), Histogram(name, help_text, tuple(labels), buckets=SECONDS), labels, seconds)


JOB = {"type": "job_type"}
COUNTED = (
    counter("a1_http_requests_total", "Answered requests", "request_done", labels={"route": "route", "method": "method", "status": "status"}),
    histogram("a1_http_request_duration_seconds", "Time to answer a request", "request_done", {"route": "route"}),
    counter("a1_bookings_total", "Answers to the last step", "request_done", labels={"result": "booking"}, amount=when("booking")),
    counter("a1_submission_replays_total", "Submits of a visit that was booked already", "request_done", amount=when("booking", "replayed")),
    counter("a1_slot_conflicts_total", "Windows that were gone when they were picked, booked or moved to", "slot_conflict"),
    counter("a1_booking_commit_retries_total", "Transactions run again", "transaction_retry", labels={"sqlstate_class": "sqlstate_class"}),
    counter("a1_rate_limited_total", "Requests refused for coming too often", "rate_limited", labels={"rule": "rule"}),
    counter("a1_auth_failures_total", "Logins refused", "login_refused"),
    counter("a1_csp_reports_total", "Reports of browsers about the content policy", "csp_report"),
    counter("a1_bugs_total", "Requests that ended in a fault of ours", "bug"),
    counter("a1_job_attempts_total", "Runs of queue jobs", "job_completed", labels=JOB | {"outcome": "outcome"}),
    counter("a1_job_postponed_total", "Runs of queue jobs that will be tried again", "job_postponed", labels=JOB),
    counter("a1_job_declined_total", "Queue jobs that turned out not to be needed", "job_declined", labels=JOB),
    counter("a1_job_failed_total", "Queue jobs given up", "job_failed", labels=JOB | {"outcome": "outcome"}),
    counter("a1_job_crashes_total", "Runs that ended in a fault of ours", "job_crashed", labels=JOB),
    counter("a1_job_rescued_total", "Queue jobs taken back whose worker or ring was lost", "job_rescued", labels={"reason": "reason"}),
    counter("a1_job_fenced_total", "Results refused because the lease had passed on", "job_fenced"),
    histogram("a1_job_duration_seconds", "Time of one run of a queue job", "job_ran", JOB),
    counter("a1_dispatch_total", "Rings at workers' doors", "dispatched", amount=number("rung")),
    counter("a1_dispatch_failures_total", "Rings that did not get through", "doorbell_down", amount=number("unrung")),
    counter("a1_provider_requests_total", "Calls to providers", "provider_call", labels={"provider": "provider", "class": "outcome"}),
    histogram("a1_provider_latency_seconds", "Time of calls to providers", "provider_call", {"provider": "provider"}),
    counter("a1_circuit_opened_total", "Times a provider was given a rest", "circuit_opened", labels={"provider": "provider"}),
    counter("a1_sms_sent_total", "Text messages handed over", "provider_call", amount=both(when("operation", "messages.create"), when("outcome", "ok"))),
    counter("a1_sms_held_back_total", "Text messages held back by a limit", "sms_ceiling", labels={"rule": "ceiling"}),
    counter("a1_analytics_events_total", "Analytics events written", "request_done", amount=number("events")),
    counter("a1_analytics_events_dropped_total", "Analytics events left out because writing them failed", "events_dropped", amount=number("count")),
)  # fmt: skip
BY_EVENT: dict[str, list[Counted]] = {}
for counted in COUNTED:
    for event in counted.events:
        BY_EVENT.setdefault(event, []).append(counted)


def count(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Count a log event on its way to the log."""
    for counted in BY_EVENT.get(str(fields.get("event")), ()):
        counted.take(fields)
    return fields
