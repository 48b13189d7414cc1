"""Connections of sliding sync and subscriptions to threads have tables."""

import sqlalchemy as sa
from alembic import op

from homeserver.store.schema.columns import flag, number, string

revision = "homeserver_0008"
down_revision = "homeserver_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Connections of sliding sync and subscriptions to threads have tables."""
    op.create_table(
        "sliding_connections",
        number("nid", primary_key=True),
        string("user_id"),
        string("device_id"),
        string("conn_id"),
        number("used_ms"),
        number("settled"),
        number("latest"),
        string("memory"),
        string("pending"),
        sa.PrimaryKeyConstraint("nid", name=op.f("pk_sliding_connections")),
    )
    op.create_index("ix_sliding_connections_used_ms", "sliding_connections", ["used_ms"])
    op.create_index("ix_sliding_connections_user_id_device_id", "sliding_connections", ["user_id", "device_id"])
    op.create_table(
        "sliding_rooms",
        number("connection_nid", primary_key=True, autoincrement=False),
        number("room_nid", primary_key=True, autoincrement=False),
        number("upto", nullable=True),
        number("events"),
        number("config"),
        flag("is_dm"),
        sa.PrimaryKeyConstraint("connection_nid", "room_nid", name=op.f("pk_sliding_rooms")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "thread_subscriptions",
        string("user_id", primary_key=True),
        number("room_nid", primary_key=True, autoincrement=False),
        string("thread_id", primary_key=True),
        flag("subscribed"),
        flag("automatic"),
        number("position"),
        sa.PrimaryKeyConstraint("user_id", "room_nid", "thread_id", name=op.f("pk_thread_subscriptions")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_thread_subscriptions_user_id_position", "thread_subscriptions", ["user_id", "position"])


def downgrade() -> None:
    """What it was before."""
    op.drop_table("thread_subscriptions")
    op.drop_table("sliding_rooms")
    op.drop_table("sliding_connections")
