"""The running simulator as the contract tests talk to it: faults in, effects and requests out, adapters pointed at it."""

from dataclasses import dataclass

import httpx

from app.config import Settings
from app.providers import Adapters, build_adapters
from sandbox.providers.config import SimConfig
from sandbox.providers.state import World

CONFIG = SimConfig(
    st_tenant_id="9001",
    st_client_id="cid.test",
    st_client_secret="cs.test",
    st_app_key="ak.test",
    st_application_guid="7c1e0000-0000-4000-8000-000000000001",
    klaviyo_private_key="pk_test",
    twilio_account_sid="AC" + "0" * 31 + "1",
    twilio_auth_token="token-for-tests",
    twilio_from="+16025550142",
    sim_rate_scale="100",
)
JOBS = "/jpm/v2/tenant/9001/jobs"


@dataclass(frozen=True)
class Simulator:
    """One server; its state is emptied before each test."""

    url: str
    world: World

    def fault(self, provider: str, mode: str, method: str = "", path: str = "", **more: object) -> None:
        """Let the next matching request go wrong."""
        match = {"method": method or None, "path": path or None}
        order = {"provider": provider, "mode": mode, "match": match, **more}
        httpx.post(f"{self.url}/__sim__/faults", json=order).raise_for_status()

    def effects(self, provider: str, kind: str) -> list[dict[str, object]]:
        """List what really happened."""
        answer = httpx.get(f"{self.url}/__sim__/ledger", params={"provider": provider, "kind": kind}).json()
        return [effect for effect in answer["effects"] if effect["kind"] == kind]

    def calls(self, path_end: str) -> list[dict[str, object]]:
        """List the requests to one path."""
        answer = httpx.get(f"{self.url}/__sim__/requests").json()
        return [seen for seen in answer["requests"] if str(seen["path"]).endswith(path_end)]

    def settings(self, **changes: object) -> Settings:
        """Make the application's settings as `.local/env` would."""
        values: dict[str, object] = {
            "secret_key": "s" * 32,
            "privacy_hash_key": "p" * 32,
            "public_base_url": "http://127.0.0.1:1",
            "database_url": "postgresql://none",
            "job_lease_seconds": 24,
            "st_auth_url": f"{self.url}/servicetitan/auth/connect/token",
            "st_api_base": f"{self.url}/servicetitan/api",
            "st_tenant_id": CONFIG.st_tenant_id,
            "st_client_id": CONFIG.st_client_id,
            "st_client_secret": CONFIG.st_client_secret,
            "st_app_key": CONFIG.st_app_key,
            "st_application_guid": CONFIG.st_application_guid,
            "st_business_unit_id": 1011,
            "st_job_type_id": 2050,
            "st_job_types": {"broken_spring": 2041},
            "st_campaign_id": 500,
            "st_cancel_reason_id": 801,
            "klaviyo_api_base": f"{self.url}/klaviyo",
            "klaviyo_private_key": CONFIG.klaviyo_private_key,
            "twilio_api_base": f"{self.url}/twilio",
            "twilio_account_sid": CONFIG.twilio_account_sid,
            "twilio_auth_token": CONFIG.twilio_auth_token,
            "twilio_from": CONFIG.twilio_from,
        }
        return Settings(**values | changes)  # type: ignore[arg-type]

    def adapters(self, **changes: object) -> Adapters:
        """Make the real adapters, with settings of one's own where wished."""
        return build_adapters(self.settings(**changes))
