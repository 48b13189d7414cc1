"""What is sticky is sent to servers that come into a room."""

import sqlalchemy as sa
from alembic import op

from homeserver.store.schema.columns import string

revision = "federation_0003"
down_revision = "federation_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is sticky is sent to servers that come into a room."""
    op.create_table(
        "sticky_pushes",
        string("destination", primary_key=True),
        string("room_id", primary_key=True),
        sa.PrimaryKeyConstraint("destination", "room_id", name=op.f("pk_sticky_pushes")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sticky_pushes_room_id", "sticky_pushes", ["room_id"])


def downgrade() -> None:
    """What it was before."""
    op.drop_table("sticky_pushes")
