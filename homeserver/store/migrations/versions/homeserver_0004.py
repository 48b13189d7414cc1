"""The rooms of server notices and the addresses that identity servers know have tables."""

import sqlalchemy as sa
from alembic import op

from homeserver.store.schema.columns import string

revision = "homeserver_0004"
down_revision = "homeserver_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The rooms of server notices and the addresses that identity servers know have tables."""
    op.create_table(
        "notices_rooms",
        string("user_id", primary_key=True),
        string("room_id"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_notices_rooms")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "bound_addresses",
        string("user_id", primary_key=True),
        string("medium", primary_key=True),
        string("address", primary_key=True),
        string("id_server", primary_key=True),
        sa.PrimaryKeyConstraint("user_id", "medium", "address", "id_server", name=op.f("pk_bound_addresses")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """What it was before."""
    op.drop_table("bound_addresses")
    op.drop_table("notices_rooms")
