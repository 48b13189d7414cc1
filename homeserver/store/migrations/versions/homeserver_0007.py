"""Actions of administrators and rate limits of single accounts have tables."""

import sqlalchemy as sa
from alembic import op

from homeserver.store.schema.columns import number, string

revision = "homeserver_0007"
down_revision = "homeserver_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Actions of administrators and rate limits of single accounts have tables."""
    op.create_table(
        "admin_actions",
        number("nid", primary_key=True),
        number("at_ms"),
        string("admin"),
        string("operation"),
        string("subject"),
        string("details"),
        string("refusal"),
        string("address"),
        sa.PrimaryKeyConstraint("nid", name=op.f("pk_admin_actions")),
    )
    op.create_index("ix_admin_actions_at_ms", "admin_actions", ["at_ms"])
    op.create_table(
        "rate_limit_overrides",
        string("user_id", primary_key=True),
        string("limits"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_rate_limit_overrides")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """What it was before."""
    op.drop_table("rate_limit_overrides")
    op.drop_table("admin_actions")
