"""Push rules are kept as they were before a change."""

import sqlalchemy as sa
from alembic import op

from homeserver.store.schema.columns import number, string

revision = "homeserver_0018"
down_revision = "homeserver_0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Push rules are kept as they were before a change."""
    op.create_table(
        "earlier_push_rules",
        string("user_id", primary_key=True),
        number("until_position", primary_key=True, autoincrement=False),
        string("changes"),
        sa.PrimaryKeyConstraint("user_id", "until_position", name=op.f("pk_earlier_push_rules")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """What it was before."""
    op.drop_table("earlier_push_rules")
