"""The log begins empty."""

from alembic import op

revision = "homeserver_0002"
down_revision = "homeserver_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The log begins empty."""
    op.execute("INSERT INTO log_head (one, position) VALUES (1, 0)")


def downgrade() -> None:
    """What it was before."""
    op.execute("DELETE FROM log_head")
