"""Who has replied in a thread is looked up."""

import sqlalchemy as sa
from alembic import op

revision = "homeserver_0017"
down_revision = "homeserver_0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Who has replied in a thread is looked up."""
    op.create_index(
        "ix_relations_repliers",
        "relations",
        ["relates_to", "sender"],
        sqlite_where=sa.text("rel_type = 'm.thread'"),
        postgresql_where=sa.text("rel_type = 'm.thread'"),
    )


def downgrade() -> None:
    """What it was before."""
    op.drop_index("ix_relations_repliers", table_name="relations")
