"""One look at everything an installation needs: one line each, and exit code 1 when something is wrong."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import click
import redis
from flask.cli import with_appcontext
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app import clock
from app.booking import area_import
from app.cli.console import as_json, print_json
from app.extensions import db
from app.maintenance.integrity import looking
from app.providers import build_servicetitan, build_slot_source, servicetitan_reference
from app.providers.http import HttpClient
from app.providers.ports import Place, ProviderError
from app.providers.servicetitan_api import TokenCache
from app.staff import operations
from app.web import settings, transaction
from app.web.health import HEAD

MOST_SKEW = 5.0
DOCTOR_DAYS = 30
OPEN_WINDOWS = text("SELECT count(*) FROM time_slots WHERE available AND starts_at > now()")
PLACES = text("SELECT zip_code, timezone FROM service_areas WHERE active ORDER BY zip_code")
DATABASE = text(
    "SELECT current_setting('server_version'), current_setting('statement_timeout'), clock_timestamp()"
)
NEWEST_MIGRATION = text("SELECT version_num FROM alembic_version")


class Fault(Exception):
    """Something is wrong; the message says what to do."""


@dataclass(frozen=True)
class Finding:
    """One line of the answer."""

    name: str
    ok: bool
    says: str


def check_settings() -> str:
    """Say which kind of installation this is; unsafe or missing settings have stopped the start already."""
    known = settings()
    return f"APP_ENV {known.app_env}, {known.public_base_url}, reports in {known.report_timezone}"


def check_database() -> str:
    """Reach the database, compare clocks, and see that a statement cannot run for ever."""
    version, limit, at = db.session.execute(DATABASE).one()
    skew = abs((clock.now() - at).total_seconds())
    if skew > MOST_SKEW:
        raise Fault(f"its clock and ours differ by {skew:.0f} s: set both by NTP")
    if limit == "0":
        raise Fault("behind the pooler nothing limits a statement: run deploy/postgres/roles.sql")
    return f"PostgreSQL {version.split()[0]}"


def check_migrations() -> str:
    """Compare the database's migration with the code's."""
    found = db.session.execute(NEWEST_MIGRATION).scalar_one_or_none()
    if found != HEAD:
        raise Fault(f"the database is at {found}, the code needs {HEAD}: flask --app wsgi db upgrade")
    return HEAD


def check_partitions() -> str:
    """See how far ahead bookings and events can be stored."""
    found = operations.check_partitions(db.session())
    if not found.ok:
        raise Fault(f"{found.says}: flask --app wsgi partitions ensure")
    return found.says


def check_integrity() -> str:
    """Ask every invariant about what was made in the last weeks; the nightly look goes back further."""
    broken = looking.look(transaction.run, looking.scope(db.session(), settings(), DOCTOR_DAYS))
    if broken:
        raise Fault(f"{looking.summary(broken)}: flask --app wsgi integrity check")
    return looking.summary(broken)


def check_redis() -> str:
    """Reach the doorbell of the workers."""
    with redis.Redis.from_url(settings().redis_url, socket_timeout=2, socket_connect_timeout=2) as client:
        client.ping()
    return "answers"


def check_zip_codes() -> str:
    """See whether the reference table is filled."""
    if not area_import.is_reference_filled(db.session()):
        raise Fault("the table of all ZIP codes is not filled: flask --app wsgi areas seed")
    return "known"


def check_areas() -> str:
    """Count what can be booked."""
    areas = db.session.execute(text("SELECT count(*) FROM service_areas WHERE active")).scalar_one()
    if not areas:
        raise Fault("no area is active: flask --app wsgi areas seed, or areas import FILE.csv")
    return f"{areas} active"


def check_windows() -> str:
    """Count open arrival windows."""
    windows = db.session.execute(OPEN_WINDOWS).scalar_one()
    if not windows:
        raise Fault("no window is open: flask --app wsgi slots sync")
    return f"{windows} open"


def check_staff() -> str:
    """Count who may log in."""
    people = db.session.execute(text("SELECT count(*) FROM staff WHERE active")).scalar_one()
    if not people:
        raise Fault("nobody may log in: flask --app wsgi staff create --help")
    return f"{people} may log in"


def check_servicetitan() -> str:
    """Get a token with our credentials."""
    config = build_servicetitan(settings()).config
    TokenCache(config, HttpClient("servicetitan", config.limits)).get()
    return "gives us a token"


def check_ids() -> str:
    """Look up every ServiceTitan id we were configured with, the mapping file's too."""
    found = servicetitan_reference.compare(build_servicetitan(settings()))
    if found.faults:
        raise Fault("; ".join(found.faults))
    return f"{found.looked_up} are known there"


def check_slot_source() -> str:
    """Ask who shares crews where arrival windows come from."""
    known = settings()
    source = build_slot_source(known, build_servicetitan(known))
    places = [Place(*row) for row in db.session.execute(PLACES)]
    db.session.rollback()
    zones = source.zones(places)
    unzoned = {place.zip_code for place in places} - {code for zone in zones for code in zone.zip_codes}
    if unzoned:
        raise Fault(
            f"{known.slot_provider}: no zone covers {', '.join(sorted(unzoned)[:5])}"
            f"{' and more' if len(unzoned) > 5 else ''}: they will have no windows"
        )
    return f"{known.slot_provider}, {len(zones)} {'zone' if len(zones) == 1 else 'zones'}"


CHECKS: tuple[tuple[str, Callable[[], str]], ...] = (
    ("settings", check_settings),
    ("database", check_database),
    ("migrations", check_migrations),
    ("partitions", check_partitions),
    ("integrity", check_integrity),
    ("redis", check_redis),
    ("zip codes", check_zip_codes),
    ("areas", check_areas),
    ("windows", check_windows),
    ("staff", check_staff),
    ("servicetitan", check_servicetitan),
    ("its ids", check_ids),
    ("slot source", check_slot_source),
)


@click.command("doctor")
@as_json
@with_appcontext
def doctor(as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Check settings, database, Redis and providers; exit code 1 when something is wrong.

    Example: flask --app wsgi doctor
    """
    findings = [look(name, check) for name, check in CHECKS]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            click.echo(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.name:<13}{finding.says}")
    if not all(finding.ok for finding in findings):
        raise SystemExit(1)


def look(name: str, check: Callable[[], str]) -> Finding:
    """Run one check; whatever keeps it from answering is its finding."""
    try:
        return Finding(name, ok=True, says=check())
    except Fault as fault:
        return Finding(name, ok=False, says=str(fault))
    except (ProviderError, redis.RedisError) as error:
        return Finding(name, ok=False, says=str(error) or type(error).__name__)
    except SQLAlchemyError as error:
        return Finding(name, ok=False, says=str(getattr(error, "orig", error)).strip().splitlines()[0])
    finally:
        db.session.rollback()
