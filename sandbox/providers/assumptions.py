"""Each behaviour that nobody could confirm against the real providers, with the switch that turns it the other way."""

from dataclasses import dataclass

Value = bool | int | str


@dataclass(frozen=True)
class Assumption:
    """One guess: what it says, how it is set now, and what else could be true. The name in capitals is the setting's."""

    name: str
    provider: str
    default: Value
    words: str
    choices: tuple[str, ...] = ()


def _st(name: str, default: Value, words: str, *choices: str) -> Assumption:
    return Assumption(f"st_{name}", "servicetitan", default, words, choices)


def _kl(name: str, default: Value, words: str, *choices: str) -> Assumption:
    return Assumption(f"klaviyo_{name}", "klaviyo", default, words, choices)


def _tw(name: str, default: Value, words: str, *choices: str) -> Assumption:
    return Assumption(f"twilio_{name}", "twilio", default, words, choices)


ASSUMPTIONS = (
    Assumption("sim_chaos_fields", "*", False, "Answers carry fields that nobody documented."),
    Assumption("sim_token_seconds", "servicetitan", 900, "How long a token lives (900 is documented)."),
    _st("reject_full", False, "A job in a full window is refused with 400."),
    _st("capacity_unit", "hours", "What openAvailability of classic capacity counts.", "hours", "jobs"),
    _st("capacity_old_fields", False, "Classic capacity leaves out startUtc, endUtc and isAvailable."),
    _st("adcap", "on", "Whether adjustable capacity is there for this tenant.", "on", "403", "404"),
    _st("adcap_needs_duration", False, "Adjustable capacity refuses a request without jobDurationInMinutes."),
    _st("export_lag_seconds", 900, "How long after a change a feed shows it without includeRecentChanges."),
    _st("export_duplicates", True, "A feed asked for recent changes gives its last row again."),
    _st("export_page", 500, "How many rows one answer of a feed holds."),
    _st("max_page_size", 5000, "The largest pageSize of a list."),
    _st("lookup_lag_seconds", 0, "How long after its creation a record is found by its external data."),
    _st("external_id_unique", False, "A second booking with the same externalId is refused with 409."),
    _st("phone_match", "digits", "How the phone filter compares.", "digits", "exact"),
    _st("phone_format", "as_sent", "How phone numbers come back.", "as_sent", "digits", "dashes"),
    _st("cancel_twice", 400, "The status that refuses to cancel a cancelled job."),
    _st("retry_after", True, "429 brings Retry-After."),
    _st("errors_style", "list", "The values of `errors` in a refusal.", "list", "string"),
    _st("empty_referrer", True, "An empty referrerUrl passes in attributions."),
    _st("job_type_seconds", True, "The duration of a job type is in seconds; off: in minutes."),
    _st("window_length", True, "An arrival window's duration is its length; off: its end time."),
    _st("window_configuration", "StartTimeOfArrivalWindow", "Where in its window a job begins.",
        "StartTimeOfArrivalWindow", "EndTimeOfArrivalWindow"),
    _st("webhooks", True, "Changes are also told by webhook, where a key and an address are set."),
    _st("webhook_digest", "hex", "How a webhook's signature is written.", "hex", "base64"),
    _st("webhook_header", "x-servicetitan-signature", "The header with a webhook's signature."),
    _kl("json_media_type", True, "application/json is accepted besides application/vnd.api+json."),
    _kl("every_flow_live", True, "Each metric has a live flow, also without one set by the control API."),
    _kl("webhooks", True, "Deliveries are told by system webhook, where a secret and an address are set."),
    _kl("webhook_time", "imf", "How Klaviyo-Timestamp is written.", "imf", "iso"),
    _tw("stop", "auto", "Where 21610 shows: at once with From, by callback with a service (auto), or always one of them.",
        "auto", "sync", "async"),
    _tw("errors", "legacy", "The format of refusals.", "legacy", "rfc9457"),
    _tw("early_callbacks", False, "Callbacks also tell of queued and sending."),
    _tw("callback_retries", 2, "How often a callback is repeated when nobody answers it with 2xx."),
    _tw("raw_dlr_date", False, "The last callback carries RawDlrDoneDate."),
    _tw("advanced_opt_out", True, "An inbound keyword brings OptOutType."),
    _tw("auto_reply", True, "A stop, start or help word is answered by the provider itself."),
)  # fmt: skip
