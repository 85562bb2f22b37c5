"""The whole booking system: ids, bookings, delivery, visits, partitions, slots, reports, roles.

Plain SQL, because functions, checks and partial indexes are invisible to autogenerate.
"""

from pathlib import Path

from alembic import op

revision = "0001_booking_system"
down_revision = None
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql" / "0001"


def upgrade() -> None:
    """Create everything, then the partitions of this month and the ones around it."""
    for script in sorted(SQL.glob("[0-9]*.sql")):
        run(script)
    op.execute(
        "SELECT ensure_partitions(now() - interval '1 month', now() + interval '14 months', now() + interval '12 weeks')"
    )


def downgrade() -> None:
    """Remove everything this migration made."""
    run(SQL / "down.sql")


def run(script: Path) -> None:
    """Execute a whole script as it stands: its percent signs are format()'s, not placeholders."""
    connection = op.get_bind().connection.driver_connection
    connection.execute(script.read_text())
