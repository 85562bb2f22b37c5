"""Who the outside world is: the adapters there are, and how each is made from the settings."""

from collections.abc import Callable
from dataclasses import dataclass

from app.booking.issues import BY_CODE
from app.config import Settings
from app.providers.http import limits_for_lease
from app.providers.klaviyo import Klaviyo, KlaviyoConfig
from app.providers.local_slots import LocalSlots, read_hours
from app.providers.pace import SharedPace
from app.providers.ports import EmailSender, FieldService, Outcome, ProviderError, SlotSource, SmsSender
from app.providers.servicetitan import ServiceTitan
from app.providers.servicetitan_api import ServiceTitanApi, ServiceTitanConfig
from app.providers.servicetitan_capacity import CapacitySlots
from app.providers.servicetitan_mapping import FieldMapping, IssueRule
from app.providers.servicetitan_mapping_file import load_mapping
from app.providers.servicetitan_slots import AdcapSlots
from app.providers.slot_sources import AdcapOrCapacity, SlotSources
from app.providers.twilio import Twilio, TwilioConfig


@dataclass(frozen=True)
class Adapters:
    """One adapter for each port; build once per process, use from any thread."""

    field_service: FieldService
    slot_source: SlotSource
    email: EmailSender
    sms: SmsSender


def build_servicetitan(settings: Settings) -> ServiceTitanApi:
    """Make the ServiceTitan access that the field service and the slot source share, token included."""
    return ServiceTitanApi(
        ServiceTitanConfig(
            auth_url=settings.st_auth_url,
            api_base=settings.st_api_base.rstrip("/"),
            tenant_id=settings.st_tenant_id,
            client_id=settings.st_client_id,
            client_secret=settings.st_client_secret,
            app_key=settings.st_app_key,
            application_guid=settings.st_application_guid,
            cancel_reason_id=_needed(settings.st_cancel_reason_id, "ST_CANCEL_REASON_ID"),
            mapping=build_mapping(settings),
            limits=limits_for_lease(settings.job_lease_seconds),
            booking_provider_id=settings.st_booking_provider_id,
            capacity_unit=settings.st_capacity_unit,
            pace=SharedPace(settings.redis_url, "servicetitan", settings.st_calls_per_second),
        )
    )


def build_mapping(settings: Settings) -> FieldMapping:
    """Make the mapping from the settings, and from the file over them where there is one."""
    defaults = FieldMapping(
        business_unit_id=_needed(settings.st_business_unit_id, "ST_BUSINESS_UNIT_ID"),
        job_type_id=_needed(settings.st_job_type_id, "ST_JOB_TYPE_ID"),
        campaign_id=_needed(settings.st_campaign_id, "ST_CAMPAIGN_ID"),
        timezone=settings.report_timezone,
        issues={code: IssueRule(job_type) for code, job_type in settings.st_job_types.items()},
    )
    return load_mapping(settings.st_mapping_file, defaults, BY_CODE) if settings.st_mapping_file else defaults


def build_klaviyo(settings: Settings) -> Klaviyo:
    """Make the e-mail sender."""
    return Klaviyo(
        KlaviyoConfig(
            api_base=settings.klaviyo_api_base.rstrip("/"),
            private_key=settings.klaviyo_private_key,
            revision=settings.klaviyo_revision,
            limits=limits_for_lease(settings.job_lease_seconds),
            list_id=settings.klaviyo_list_id,
        )
    )


def build_twilio(settings: Settings) -> Twilio:
    """Make the SMS sender."""
    return Twilio(
        TwilioConfig(
            api_base=settings.twilio_api_base.rstrip("/"),
            account_sid=settings.twilio_account_sid,
            auth_token=settings.twilio_auth_token,
            messaging_service_sid=settings.twilio_messaging_service_sid,
            sender=settings.twilio_from,
            public_base_url=settings.public_base_url.rstrip("/"),
            limits=limits_for_lease(settings.job_lease_seconds),
        )
    )


@dataclass(frozen=True)
class Provider:
    """A company we call; `name` is what rows, logs and circuits call it."""

    name: str
    build: Callable[[Settings], object]


PROVIDERS = (
    Provider("servicetitan", build_servicetitan),
    Provider("klaviyo", build_klaviyo),
    Provider("twilio", build_twilio),
)
SLOT_PROVIDERS = ("servicetitan_adcap", "servicetitan_capacity", "local")


def build_adapters(settings: Settings) -> Adapters:
    """Make all adapters; raise ProviderError (config) where an id they need is not set."""
    servicetitan = build_servicetitan(settings)
    return Adapters(
        field_service=ServiceTitan(servicetitan),
        slot_source=build_slot_source(settings, servicetitan),
        email=build_klaviyo(settings),
        sms=build_twilio(settings),
    )


def build_slot_source(settings: Settings, servicetitan: ServiceTitanApi) -> SlotSource:
    """Make the chosen slot source, and the others for windows that they offered before."""
    capacity = CapacitySlots(servicetitan)
    adcap = AdcapOrCapacity(AdcapSlots(servicetitan), capacity)
    hours, crews = read_hours(settings.slot_hours), settings.slot_crews
    local = LocalSlots(hours, crews, servicetitan.config.mapping)
    sources: dict[str, SlotSource] = dict(zip(SLOT_PROVIDERS, (adcap, capacity, local), strict=True))
    chosen = sources.get(settings.slot_provider)
    if chosen is None:
        raise ProviderError(Outcome.CONFIG, f"SLOT_PROVIDER must be one of {', '.join(SLOT_PROVIDERS)}")
    return SlotSources(chosen, {"ac1": adcap, "cap1": capacity, "loc1": local})


def _needed(value: int | None, name: str) -> int:
    if value is None:
        raise ProviderError(Outcome.CONFIG, f"{name} is not set")
    return value
