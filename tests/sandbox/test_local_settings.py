"""Local settings: complete, the caller's where given, secrets made once."""

from dataclasses import fields
from pathlib import Path

from app.config import Settings, load_settings
from sandbox import envfile, settings

PLACES = settings.Addresses(
    local=Path("/somewhere/.local"),
    port=8000,
    simulator_port=8001,
    host_page_port=8002,
    database_url="postgresql+psycopg://a1_app:x@127.0.0.1:1/a1",
    owner_url="postgresql+psycopg://a1_owner:x@127.0.0.1:1/a1",
    report_url="postgresql+psycopg://a1_report:x@127.0.0.1:1/a1",
    redis_url="redis://127.0.0.1:2/0",
)


def test_every_setting_of_the_product_is_written_out(tmp_path: Path) -> None:
    built = settings.build(PLACES, settings.made_once(tmp_path), {})
    assert {spec.name.upper() for spec in fields(Settings)} <= set(built)
    assert load_settings(built).port == 8000


def test_secrets_are_made_once(tmp_path: Path) -> None:
    assert settings.made_once(tmp_path) == settings.made_once(tmp_path)


def test_two_machines_share_no_secret(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = settings.made_once(tmp_path / "a"), settings.made_once(tmp_path / "b")
    assert not set(one.values()) & set(other.values())


def test_the_callers_own_settings_win(tmp_path: Path) -> None:
    wishes = settings.caller_wishes(
        {"HOLD_SECONDS": "5", "DATABASE_URL": "postgresql://x", "HOME": "/"}, tmp_path
    )
    assert wishes == {"HOLD_SECONDS": "5", "DATABASE_URL": "postgresql://x"}
    assert settings.build(PLACES, {}, wishes)["HOLD_SECONDS"] == "5"


def test_a_shell_that_read_the_env_file_wishes_nothing_by_that(tmp_path: Path) -> None:
    written = settings.build(PLACES, {}, {}) | {"A1_LOCAL": str(tmp_path)}
    envfile.write(tmp_path / "env", written)
    assert settings.caller_wishes(written, tmp_path) == {}
    assert settings.caller_wishes(written | {"HOLD_SECONDS": "5"}, tmp_path) == {"HOLD_SECONDS": "5"}


def test_children_inherit_no_setting_from_the_shell() -> None:
    kept = settings.without_settings(
        {"PATH": "/bin", "SECRET_KEY": "x", "PORT": "1", "APP_ENV": "production"}
    )
    assert kept == {"PATH": "/bin"}


def test_the_simulator_rests_only_when_every_provider_is_the_callers() -> None:
    bases = {"ST_API_BASE": "x", "KLAVIYO_API_BASE": "x"}
    assert not settings.is_replaced(bases)
    assert settings.is_replaced(bases | {"TWILIO_API_BASE": "x"})
