"""Transactions of application services and the rooms of their networks have tables."""

import sqlalchemy as sa
from alembic import op

from homeserver.store.schema.columns import blob, number, string

revision = "homeserver_0012"
down_revision = "homeserver_0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Transactions of application services and the rooms of their networks have tables."""
    op.create_table(
        "appservice_transactions",
        string("appservice_id", primary_key=True),
        number("serial"),
        number("upto"),
        blob("body", nullable=True),
        string("recipients"),
        sa.PrimaryKeyConstraint("appservice_id", name=op.f("pk_appservice_transactions")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "network_rooms",
        string("appservice_id", primary_key=True),
        string("network_id", primary_key=True),
        number("room_nid", primary_key=True, autoincrement=False),
        sa.PrimaryKeyConstraint("appservice_id", "network_id", "room_nid", name=op.f("pk_network_rooms")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_network_rooms_room_nid", "network_rooms", ["room_nid"])


def downgrade() -> None:
    """What it was before."""
    op.drop_table("network_rooms")
    op.drop_table("appservice_transactions")
