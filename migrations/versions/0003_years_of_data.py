"""Years of data: upkeep of partitions, retention, reports over all years, privacy and integrity."""

from pathlib import Path

from alembic import op

revision = "0003_years_of_data"
down_revision = "0002_delivery_in_full"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql" / "0003"


def upgrade() -> None:
    """Add what is new; give up after two seconds rather than queue the product behind a lock."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    for script in sorted(SQL.glob("[0-9]*.sql")):
        run(script)


def downgrade() -> None:
    """Remove what this migration made, the last script's work first."""
    for script in sorted((SQL / "down").glob("[0-9]*.sql"), reverse=True):
        run(script)


def run(script: Path) -> None:
    """Execute a whole script as it stands: its percent signs are format()'s, not placeholders."""
    connection = op.get_bind().connection.driver_connection
    connection.execute(script.read_text())
