"""Delivery in full: circuit memory, feeds, caps and replies of SMS, the booking's place upstream, the ledger's words."""

from pathlib import Path

from alembic import op

revision = "0002_delivery_in_full"
down_revision = "0001_booking_system"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql" / "0002"


def upgrade() -> None:
    """Add what is new; give up after two seconds rather than queue the product behind a lock."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    for script in sorted(SQL.glob("[0-9]*.sql")):
        run(script)


def downgrade() -> None:
    """Remove what this migration made."""
    run(SQL / "down.sql")


def run(script: Path) -> None:
    """Execute a whole script as it stands: its percent signs are format()'s, not placeholders."""
    connection = op.get_bind().connection.driver_connection
    connection.execute(script.read_text())
