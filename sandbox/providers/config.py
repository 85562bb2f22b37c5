"""The credentials the simulator accepts: the same environment names the application sends them from."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from sandbox.providers.assumptions import ASSUMPTIONS


@dataclass(frozen=True)
class SimConfig:
    """What callers have to present; the name in capitals is the environment's."""

    st_tenant_id: str
    st_client_id: str
    st_client_secret: str
    st_app_key: str
    st_application_guid: str
    klaviyo_private_key: str
    twilio_account_sid: str
    twilio_auth_token: str
    twilio_messaging_service_sid: str = ""
    twilio_from: str = ""
    public_base_url: str = ""
    st_booking_provider_id: str = "701"
    st_webhook_hmac_key: str = ""
    klaviyo_webhook_secret: str = ""
    klaviyo_list_id: str = "A1DEMO"
    sim_rate_scale: str = "1"
    sim_token_seconds: str = "900"  # noqa: S105 a number of seconds
    sim_state: str = ""
    sim_flags: str = ""

    @property
    def rate_scale(self) -> float:
        """How many times the documented limits this account has."""
        return float(self.sim_rate_scale)

    @property
    def calls_per_second(self) -> int:
        """How often one application may call ServiceTitan for one tenant."""
        return max(1, round(60 * self.rate_scale))


OPTIONAL = {
    "twilio_messaging_service_sid", "twilio_from", "public_base_url", "st_booking_provider_id", "st_webhook_hmac_key",
    "klaviyo_webhook_secret", "klaviyo_list_id", "sim_rate_scale", "sim_token_seconds", "sim_state", "sim_flags",
}  # fmt: skip


def load_config(environ: Mapping[str, str]) -> SimConfig:
    """Read the environment; raise ValueError with every missing name."""
    values = {spec.name: environ.get(spec.name.upper(), "") for spec in fields(SimConfig)}
    missing = [name.upper() for name, value in values.items() if not value and name not in OPTIONAL]
    if not (values["twilio_from"] or values["twilio_messaging_service_sid"]):
        missing.append("TWILIO_FROM or TWILIO_MESSAGING_SERVICE_SID")
    if missing:
        raise ValueError("not set: " + ", ".join(missing))
    values["sim_flags"] = ",".join(filter(None, (_switches(environ), values["sim_flags"])))
    return SimConfig(**{name: value for name, value in values.items() if value or name not in OPTIONAL})


def _switches(environ: Mapping[str, str]) -> str:
    """Collect the assumptions that have a setting of their own, such as ST_REJECT_FULL=1."""
    names = [a.name for a in ASSUMPTIONS if a.name != "sim_token_seconds" and environ.get(a.name.upper())]
    return ",".join(f"{name}={environ[name.upper()]}" for name in names)
