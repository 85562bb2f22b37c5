"""A process with a missing, broken or unsafe setting does not start, and says all of it at once."""

import pytest

from app.config import SettingsError, load_settings

GOOD = {
    "SECRET_KEY": "s" * 32,
    "PRIVACY_HASH_KEY": "p" * 32,
    "METRICS_TOKEN": "m" * 32,
    "PUBLIC_BASE_URL": "https://book.example.com",
    "DATABASE_URL": "postgresql+psycopg://a1_app@db/a1",
    "ST_TENANT_ID": "9001", "ST_CLIENT_ID": "c", "ST_CLIENT_SECRET": "s", "ST_APP_KEY": "k", "ST_APPLICATION_GUID": "g",
    "ST_BUSINESS_UNIT_ID": "1011", "ST_JOB_TYPE_ID": "2050", "ST_CAMPAIGN_ID": "500", "ST_CANCEL_REASON_ID": "801",
    "KLAVIYO_PRIVATE_KEY": "pk", "TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t", "TWILIO_FROM": "+16025550100",
}  # fmt: skip


def test_a_complete_production_environment_is_accepted() -> None:
    settings = load_settings(
        GOOD | {"ST_JOB_TYPES": "broken_spring=2041, off_track=2043", "SECRET_KEY_FALLBACKS": "a,b"}
    )
    assert settings.is_production
    assert settings.st_job_types == {"broken_spring": 2041, "off_track": 2043}
    assert settings.secret_key_fallbacks == ("a", "b")


def test_everything_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({"HOLD_SECONDS": "soon"})
    for name in ("SECRET_KEY", "PRIVACY_HASH_KEY", "PUBLIC_BASE_URL", "DATABASE_URL", "HOLD_SECONDS"):
        assert name in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short"),
        ("METRICS_TOKEN", ""),
        ("PUBLIC_BASE_URL", "http://book.example.com"),
        ("PRIVACY_HASH_KEY", "s" * 32),
        ("COMPANY_PHONE", "602-555-0142"),
        ("REPORT_TIMEZONE", "Phoenix"),
        ("BRAND_HUE", "400"),
        ("ABUSE_LIMITS", "maybe"),
        ("APP_ENV", "staging"),
        ("TWILIO_FROM", ""),
        ("ST_APP_KEY", ""),
        ("JOB_LEASE_SECONDS", "0"),
        ("SLOT_CREWS", "0"),
        ("ST_BOOKING_MODE", "wish"),
        ("ST_CAPACITY_UNIT", "days"),
    ],
)
def test_production_refuses_what_is_unsafe_or_broken(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load_settings(GOOD | {name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("RETENTION_RECORDS_YEARS", "6"), ("RETENTION_MESSAGES_DAYS", "364")],
)
def test_a_period_below_the_law_line_needs_a_word(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} below .* needs RETENTION_ALLOW_SHORTER=on"):
        load_settings(GOOD | {name: value})
    shorter = load_settings(GOOD | {name: value, "RETENTION_ALLOW_SHORTER": "on"})
    assert str(getattr(shorter, name.lower())) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RETENTION_EVENTS_DAYS", "6"),
        ("RETENTION_JOBS_DAYS", "6"),
        ("RETENTION_MESSAGES_DAYS", "29"),
        ("RETENTION_SLOTS_DAYS", "29"),
        ("RETENTION_LEADS_DAYS", "29"),
        ("RETENTION_RECORDS_YEARS", "0"),
    ],
)
def test_no_word_makes_a_period_shorter_than_the_product_works_with(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} must be"):
        load_settings(GOOD | {name: value, "RETENTION_ALLOW_SHORTER": "on"})
    assert load_settings(GOOD | {name: "4000" if name.endswith("DAYS") else "12"})
