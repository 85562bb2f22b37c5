"""A believable past for a new installation: three weeks of visits, bookings and deliveries, and one that is stuck."""

from datetime import timedelta
from functools import partial
from zoneinfo import ZoneInfo

import click
from flask.cli import AppGroup
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.booking import partners
from app.booking.partners import PartnerData
from app.cli import demo_rows
from app.cli.console import commit, progress
from app.cli.demo_plan import Plan, Scene
from app.maintenance import partitions, rollups
from app.web import settings

DAYS = 21
STUCK_FOR = timedelta(minutes=26)
AREAS = text("SELECT zip_code FROM service_areas WHERE active AND timezone = :zone ORDER BY zip_code")
BOOKINGS = text("SELECT count(*) FROM bookings")
STICK = text(
    "WITH stuck AS (UPDATE bookings SET status = 'pending', servicetitan_job_id = NULL WHERE id = (SELECT id FROM bookings"
    " WHERE status = 'confirmed' AND servicetitan_job_id IS NOT NULL AND preferred_time > now() ORDER BY id DESC LIMIT 1) RETURNING id),"
    " history AS (DELETE FROM booking_status_history h USING stuck WHERE h.booking_id = stuck.id AND h.to_status = 'confirmed')"
    " UPDATE queue_jobs j SET status = 'failed', outcome = 'exhausted', attempts = max_attempts,"
    " error_msg = 'POST jobs: 503', completed_at = now() FROM stuck"
    " WHERE j.booking_id = stuck.id AND j.job_type = 'servicetitan.create_job'"
)

demo = AppGroup("demo", help="Invented data to look at.")


@demo.command("seed")
@click.option("--yes", is_flag=True, help="Do not ask, even where there are bookings.")
def seed(yes: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Invent three weeks of visits and bookings, so that reports have something to show.

    Example: flask --app wsgi demo seed --yes
    """
    zone = settings().report_timezone
    zip_codes = commit(lambda session: list(session.scalars(AREAS, {"zone": zone})))
    if not zip_codes:
        raise click.ClickException(f"there are no areas in {zone} yet: flask --app wsgi areas seed")
    bookings = commit(lambda session: session.execute(BOOKINGS).scalar_one())
    if bookings and not yes:
        click.confirm(f"There are {bookings} bookings already. Add invented ones beside them?", abort=True)
    commit(partitions.ensure)
    made = invent(zip_codes, zone)
    commit(lambda session: rollups.rebuild(session, zone))
    rollups.bring_up_to_date(commit, zone, views_age=timedelta())
    click.echo(f"{made} bookings invented, one of them stuck on its way to ServiceTitan")


def invent(zip_codes: list[str], zone: str) -> int:
    """Write the story day by day; answer how many bookings it has."""
    now = clock.now()
    today = now.astimezone(ZoneInfo(zone)).date()
    scene = commit(set_scene)
    plan, made = Plan(zip_codes, zone), 0
    for back in range(DAYS, -1, -1):
        day = today - timedelta(days=back)
        walks = plan.day(day, now - STUCK_FOR)
        made += commit(partial(demo_rows.write, scene=scene, walks=walks))
        progress(f"{day}: {len(walks)} visits")
    commit(lambda session: session.execute(STICK))
    return made


def set_scene(session: Session) -> Scene:
    """Find or add the partner of the story."""
    known = partners.list_all(session)
    direct = known[0]
    partner = (
        known[1]
        if len(known) > 1
        else partners.add(session, PartnerData("Desert Homes", ("https://www.deserthomes.example",)))
    )
    return Scene(clock.now(), settings().dispatch_fee_cents, direct.id, partner.id, partner.key)
