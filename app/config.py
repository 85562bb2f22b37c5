"""Settings from the environment: typed, read once at start, refused all at once when something is missing or unsafe."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from urllib.parse import urlsplit
from zoneinfo import available_timezones


class SettingsError(Exception):
    """The environment cannot run this product; the message lists every reason."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _numbers_by_code(text: str) -> dict[str, int]:
    return {code: int(number) for code, number in (part.split("=", 1) for part in _words(text))}


def _switch(text: str) -> bool:
    if text not in {"on", "off"}:
        raise ValueError("must be on or off")
    return text == "on"


def _optional_number(text: str) -> int | None:
    return int(text) if text else None


PARSERS: dict[str, Callable[[str], object]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": _switch,
    "tuple[str, ...]": _words,
    "dict[str, int]": _numbers_by_code,
    "int | None": _optional_number,
}


@dataclass(frozen=True)
class Settings:
    """Every setting; the environment name is the field's name in capitals. Times in seconds unless named otherwise."""

    secret_key: str
    privacy_hash_key: str
    public_base_url: str
    database_url: str
    app_env: str = "production"
    secret_key_fallbacks: tuple[str, ...] = ()
    trusted_proxy_count: int = 0
    migration_database_url: str = ""
    reporting_database_url: str = ""
    db_pool_size: int = 4
    db_pool_overflow: int = 2
    db_pooler: str = "direct"
    erasure_log_dir: str = ""
    backup_dir: str = ""
    backup_spool_dir: str = ""
    backup_key: str = ""
    backup_database_url: str = ""
    backup_keep_days: int = 30
    postgres_bindir: str = ""
    retention_events_days: int = 30
    retention_jobs_days: int = 30
    retention_messages_days: int = 365
    retention_slots_days: int = 365
    retention_leads_days: int = 730
    retention_records_years: int = 7
    retention_allow_shorter: bool = False
    archive_folder: str = ""
    redis_url: str = "redis://127.0.0.1:6379/0"
    port: int = 8000
    metrics_token: str = ""
    abuse_limits: bool = True
    company_name: str = "A1 Garage"
    company_phone: str = "+16025550142"
    brand_hue: int = 262
    dispatch_fee_cents: int = 8900
    report_timezone: str = "America/Phoenix"
    booking_lead_minutes: int = 120
    hold_seconds: int = 600
    job_lease_seconds: int = 180
    slot_provider: str = "servicetitan_adcap"
    slot_days: int = 21
    slot_hours: str = "mon-sat 08:00-10:00 10:00-12:00 12:00-14:00 14:00-16:00"
    slot_crews: int = 2
    st_auth_url: str = "https://auth.servicetitan.io/connect/token"
    st_api_base: str = "https://api.servicetitan.io"
    st_tenant_id: str = ""
    st_client_id: str = ""
    st_client_secret: str = ""
    st_app_key: str = ""
    st_application_guid: str = ""
    st_webhook_hmac_key: str = ""
    st_webhook_header: str = "x-servicetitan-signature"
    st_booking_mode: str = "job"
    st_booking_provider_id: int | None = None
    st_mapping_file: str = ""
    st_capacity_unit: str = "hours"
    st_calls_per_second: int = 55
    st_business_unit_id: int | None = None
    st_job_type_id: int | None = None
    st_job_types: dict[str, int] = field(default_factory=dict)
    st_campaign_id: int | None = None
    st_cancel_reason_id: int | None = None
    klaviyo_api_base: str = "https://a.klaviyo.com"
    klaviyo_private_key: str = ""
    klaviyo_revision: str = "2026-07-15"
    klaviyo_webhook_secret: str = ""
    klaviyo_list_id: str = ""
    twilio_api_base: str = "https://api.twilio.com"
    twilio_account_sid: str = ""
    twilio_auth_token: str = ""
    twilio_messaging_service_sid: str = ""
    twilio_from: str = ""
    sms_per_phone_day: int = 10
    sms_per_prefix_hour: int = 20
    sms_per_address_hour: int = 10
    sms_per_hour: int = 500

    @property
    def is_production(self) -> bool:
        """Say whether real people use this process."""
        return self.app_env == "production"

    @property
    def erasures_folder(self) -> str:
        """Return where erasures are written down outside the database: beside the backups, unless told otherwise."""
        return self.erasure_log_dir or self.backup_dir


# The shortest periods the product works with, and those that need RETENTION_ALLOW_SHORTER to be shortened further.
SHORTEST = {
    "retention_events_days": 7,
    "retention_jobs_days": 7,
    "retention_messages_days": 30,
    "retention_slots_days": 30,
    "retention_leads_days": 30,
    "retention_records_years": 1,
}
LAW_LINE = {"retention_messages_days": 365, "retention_records_years": 7}
SMS_CEILINGS = ("sms_per_phone_day", "sms_per_prefix_hour", "sms_per_address_hour", "sms_per_hour")
PROVIDER_SETTINGS = (
    "st_tenant_id", "st_client_id", "st_client_secret", "st_app_key", "st_application_guid", "st_business_unit_id",
    "st_job_type_id", "st_campaign_id", "st_cancel_reason_id", "klaviyo_private_key", "twilio_account_sid", "twilio_auth_token",
)  # fmt: skip


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Build Settings from environment names. Raise SettingsError with every fault, one a line."""
    values: dict[str, object] = {}
    faults: list[str] = []
    for spec in fields(Settings):
        name = spec.name.upper()
        raw = environ.get(name, "").strip()
        if not raw:
            if spec.name in {"secret_key", "privacy_hash_key", "public_base_url", "database_url"}:
                faults.append(f"{name} is missing")
            continue
        try:
            values[spec.name] = PARSERS[
                spec.type.__name__ if isinstance(spec.type, type) else str(spec.type)
            ](raw)
        except (ValueError, KeyError) as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise SettingsError("\n".join(faults))
    settings = Settings(**values)  # type: ignore[arg-type]  # parsed above by each field's own type
    faults = [*unusable(settings), *(unsafe(settings) if settings.is_production else ())]
    if faults:
        raise SettingsError("\n".join(faults))
    return settings


def unusable(settings: Settings) -> list[str]:
    """List what no environment can run with."""
    faults = []
    if settings.app_env not in {"production", "local"}:
        faults.append("APP_ENV must be production or local")
    if urlsplit(settings.public_base_url).scheme not in {"http", "https"}:
        faults.append("PUBLIC_BASE_URL must be an http(s) address")
    if settings.db_pooler not in {"direct", "pgbouncer"}:
        faults.append("DB_POOLER must be direct or pgbouncer")
    if settings.report_timezone not in available_timezones():
        faults.append("REPORT_TIMEZONE is not a known time zone")
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", settings.company_phone):
        faults.append("COMPANY_PHONE must look like +16025550142")
    faults += unusable_servicetitan(settings)
    if not 2 <= settings.backup_keep_days <= 35:
        faults.append(
            "BACKUP_KEEP_DAYS must be 2 to 35: what was erased must be gone from the last backup by then"
        )
    faults += too_short(settings)
    if not 0 <= settings.brand_hue <= 359:
        faults.append("BRAND_HUE must be 0 to 359")
    faults += [
        f"{name.upper()} must be above zero"
        for name in (
            "hold_seconds",
            "job_lease_seconds",
            "slot_days",
            "slot_crews",
            "st_calls_per_second",
            "db_pool_size",
            *SMS_CEILINGS,
        )
        if getattr(settings, name) <= 0
    ]
    return faults


def too_short(settings: Settings) -> list[str]:
    """List the periods of retention that are shorter than the product, or the law line of its documents, allows."""
    faults = [
        f"{name.upper()} must be {least} at least"
        for name, least in SHORTEST.items()
        if getattr(settings, name) < least
    ]
    if not settings.retention_allow_shorter:
        faults += [
            f"{name.upper()} below {line} needs RETENTION_ALLOW_SHORTER=on: read docs/retention.md first"
            for name, line in LAW_LINE.items()
            if SHORTEST[name] <= getattr(settings, name) < line
        ]
    return faults


def unusable_servicetitan(settings: Settings) -> list[str]:
    """List what of ServiceTitan's settings does not fit together."""
    faults = []
    if settings.st_booking_mode not in {"job", "request"}:
        faults.append("ST_BOOKING_MODE must be job or request")
    if settings.st_booking_mode == "request" and settings.st_booking_provider_id is None:
        faults.append("ST_BOOKING_PROVIDER_ID is missing: ST_BOOKING_MODE is request")
    if settings.st_webhook_hmac_key and not 32 <= len(settings.st_webhook_hmac_key) <= 64:
        faults.append("ST_WEBHOOK_HMAC_KEY must have 32 to 64 characters")
    if not re.fullmatch(r"[A-Za-z0-9-]+", settings.st_webhook_header):
        faults.append("ST_WEBHOOK_HEADER must be the name of a header")
    if settings.st_capacity_unit not in {"hours", "jobs"}:
        faults.append("ST_CAPACITY_UNIT must be hours or jobs")
    return faults


def unsafe(settings: Settings) -> list[str]:
    """List what production refuses: short or shared secrets, plain http, missing provider accounts."""
    faults = [
        f"{name.upper()} must have at least 32 characters"
        for name in ("secret_key", "privacy_hash_key", "metrics_token")
        if len(getattr(settings, name)) < 32
    ]
    if settings.secret_key == settings.privacy_hash_key:
        faults.append("SECRET_KEY and PRIVACY_HASH_KEY must differ")
    if urlsplit(settings.public_base_url).scheme != "https":
        faults.append("PUBLIC_BASE_URL must be https")
    faults += [f"{name.upper()} is missing" for name in PROVIDER_SETTINGS if not getattr(settings, name)]
    if not (settings.twilio_messaging_service_sid or settings.twilio_from):
        faults.append("TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM is missing")
    return faults
