"""Every setting that the processes of `./run` get: ready-made for one machine, the caller's own where given."""

import json
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pyrage import x25519

from sandbox import envfile

MARK = "A1_LOCAL"  # names the folder whose env file a shell has read: what came from there is no wish of the caller

_FIXED = {
    "APP_ENV": "local",
    "ABUSE_LIMITS": "off",
    "SECRET_KEY_FALLBACKS": "",
    "TRUSTED_PROXY_COUNT": "0",
    "DB_POOL_SIZE": "4",
    "DB_POOL_OVERFLOW": "2",
    "DB_POOLER": "direct",
    "BACKUP_KEEP_DAYS": "30",
    "RETENTION_EVENTS_DAYS": "30",
    "RETENTION_JOBS_DAYS": "30",
    "RETENTION_MESSAGES_DAYS": "365",
    "RETENTION_SLOTS_DAYS": "365",
    "RETENTION_LEADS_DAYS": "730",
    "RETENTION_RECORDS_YEARS": "7",
    "RETENTION_ALLOW_SHORTER": "off",
    "COMPANY_NAME": "A1 Garage",
    "COMPANY_PHONE": "+16025550142",
    "BRAND_HUE": "262",
    "DISPATCH_FEE_CENTS": "8900",
    "REPORT_TIMEZONE": "America/Phoenix",
    "BOOKING_LEAD_MINUTES": "120",
    "HOLD_SECONDS": "600",
    "JOB_LEASE_SECONDS": "180",
    "SLOT_PROVIDER": "servicetitan_adcap",
    "SLOT_DAYS": "21",
    "SLOT_HOURS": "mon-sun 08:00-10:00 10:00-12:00 12:00-14:00 14:00-16:00 16:00-18:00",
    "SLOT_CREWS": "2",
    "ST_TENANT_ID": "9001",
    "ST_BOOKING_MODE": "job",
    "ST_BOOKING_PROVIDER_ID": "701",
    "ST_BUSINESS_UNIT_ID": "1011",
    "ST_JOB_TYPE_ID": "2050",
    "ST_JOB_TYPES": "broken_spring=2041,opener_dead=2042,new_opener=2042,off_track=2043,panel_damage=2044,"
    "broken_cable=2045,new_door=2046,tune_up=2047,remote_keypad=2048,noisy_slow=2049",
    "ST_CAMPAIGN_ID": "500",
    "ST_CANCEL_REASON_ID": "801",
    "ST_MAPPING_FILE": "",
    "ST_CAPACITY_UNIT": "hours",
    "ST_CALLS_PER_SECOND": "55",
    "KLAVIYO_REVISION": "2026-07-15",
    "KLAVIYO_LIST_ID": "A1DEMO",
    "TWILIO_MESSAGING_SERVICE_SID": "",
    "SMS_PER_PHONE_DAY": "10",
    "SMS_PER_PREFIX_HOUR": "20",
    "SMS_PER_ADDRESS_HOUR": "10",
    "SMS_PER_HOUR": "500",
    "ST_WEBHOOK_HEADER": "x-servicetitan-signature",
    "TWILIO_FROM": "+16025550142",
    "STAFF_EMAIL": "office@example.com",
}

_PROVIDER_BASES = {
    "ST_AUTH_URL": "/servicetitan/auth/connect/token",
    "ST_API_BASE": "/servicetitan/api",
    "KLAVIYO_API_BASE": "/klaviyo",
    "TWILIO_API_BASE": "/twilio",
}


@dataclass(frozen=True)
class Addresses:
    """Where the parts of one stack listen."""

    local: Path
    port: int
    simulator_port: int
    host_page_port: int
    database_url: str
    owner_url: str
    report_url: str
    redis_url: str
    backup_url: str = ""
    programs: str = ""

    @property
    def demo_origin(self) -> str:
        """The partner's site: another site than the booking pages', which are on 127.0.0.1."""
        return f"http://localhost:{self.host_page_port}"


def build(at: Addresses, made: Mapping[str, str], wishes: Mapping[str, str]) -> dict[str, str]:
    """Put fixed values, addresses, secrets made once and the caller's wishes together; the later win."""
    simulator = f"http://127.0.0.1:{at.simulator_port}"
    settings = dict(_FIXED)
    settings |= {name: simulator + path for name, path in _PROVIDER_BASES.items()}
    settings |= made
    settings |= {
        MARK: str(at.local),
        "PORT": str(at.port),
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{at.port}",
        "SIMULATOR_URL": simulator,
        "DEMO_PARTNER_URL": f"{at.demo_origin}/",
        "DATABASE_URL": at.database_url,
        "MIGRATION_DATABASE_URL": at.owner_url,
        "REPORTING_DATABASE_URL": at.report_url,
        "REDIS_URL": at.redis_url,
        "BACKUP_DIR": str(at.local / "backups"),
        "ERASURE_LOG_DIR": str(at.local / "backups"),
        "ARCHIVE_FOLDER": str(at.local / "archive"),
        "BACKUP_SPOOL_DIR": str(at.local / "wal-spool"),
        "BACKUP_DATABASE_URL": at.backup_url,
        "POSTGRES_BINDIR": at.programs,
    }
    return settings | dict(wishes)


def is_replaced(wishes: Mapping[str, str]) -> bool:
    """Tell whether the caller brings every provider, so that no simulator is needed."""
    return all(name in wishes for name in ("ST_API_BASE", "KLAVIYO_API_BASE", "TWILIO_API_BASE"))


def caller_wishes(environ: Mapping[str, str], local: Path) -> dict[str, str]:
    """Pick the settings that the caller's environment sets, leaving out those a shell read from our own env file."""
    ours = envfile.read(local / "env") if environ.get(MARK) == str(local) else {}
    return {
        name: value
        for name, value in environ.items()
        if value and name in _CHOOSABLE and value != ours.get(name)
    }


def without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the caller's environment without any setting of ours, as the ground that children's settings are laid on."""
    return {name: value for name, value in environ.items() if name not in _CHOOSABLE | _DERIVED}


def made_once(local: Path) -> dict[str, str]:
    """Read the secrets of this machine, made at the first start and kept."""
    path = local / "secrets.json"
    known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    complete = _new_secrets() | known
    if complete != known:
        envfile.write_private(path, json.dumps(complete, indent=1))
    return complete


def _new_secrets() -> dict[str, str]:
    return {
        "SECRET_KEY": secrets.token_hex(32),
        "PRIVACY_HASH_KEY": secrets.token_hex(32),
        "METRICS_TOKEN": secrets.token_hex(24),
        "STAFF_PASSWORD": secrets.token_urlsafe(12),
        "ST_CLIENT_ID": f"cid.{secrets.token_hex(8)}",
        "ST_CLIENT_SECRET": f"cs.{secrets.token_hex(16)}",
        "ST_APP_KEY": f"ak.{secrets.token_hex(16)}",
        "ST_APPLICATION_GUID": str(uuid.uuid4()),
        "ST_WEBHOOK_HMAC_KEY": secrets.token_hex(32),
        "KLAVIYO_PRIVATE_KEY": f"pk_{secrets.token_hex(16)}",
        "KLAVIYO_WEBHOOK_SECRET": secrets.token_hex(32),
        "TWILIO_ACCOUNT_SID": f"AC{secrets.token_hex(16)}",
        "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
        "BACKUP_KEY": str(x25519.Identity.generate()),
    }


_DERIVED = frozenset(
    {MARK, "APP_ENV", "PORT", "SIMULATOR_URL", "DEMO_PARTNER_URL", "DEMO_PARTNER_KEY", "A1_PYTHON"}
)
_CHOOSABLE = (
    frozenset({*_FIXED, *_PROVIDER_BASES, *_new_secrets()})
    | {"PUBLIC_BASE_URL", "DATABASE_URL", "MIGRATION_DATABASE_URL", "REPORTING_DATABASE_URL", "REDIS_URL"}
    | {"ARCHIVE_FOLDER", "BACKUP_DIR", "BACKUP_SPOOL_DIR", "BACKUP_DATABASE_URL", "POSTGRES_BINDIR"}
) - _DERIVED
