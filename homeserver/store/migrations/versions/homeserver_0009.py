"""Delayed and sticky events and rendezvous of devices have tables."""

import sqlalchemy as sa
from alembic import op

from homeserver.store.schema.columns import flag, number, string

revision = "homeserver_0009"
down_revision = "homeserver_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Delayed and sticky events and rendezvous of devices have tables."""
    op.create_table(
        "delayed_events",
        string("delay_id", primary_key=True),
        string("user_id"),
        string("room_id"),
        string("type"),
        string("state_key", nullable=True),
        string("content"),
        string("fields"),
        number("origin_server_ts", nullable=True),
        number("delay_ms"),
        number("scheduled_ms"),
        number("send_at_ms", nullable=True),
        number("finalised_ms", nullable=True),
        string("event_id", nullable=True),
        string("error", nullable=True),
        sa.PrimaryKeyConstraint("delay_id", name=op.f("pk_delayed_events")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_delayed_events_send_at_ms",
        "delayed_events",
        ["send_at_ms"],
        sqlite_where=sa.text("send_at_ms IS NOT NULL"),
        postgresql_where=sa.text("send_at_ms IS NOT NULL"),
    )
    op.create_index("ix_delayed_events_room_id", "delayed_events", ["room_id"])
    op.create_index("ix_delayed_events_user_id_finalised_ms", "delayed_events", ["user_id", "finalised_ms"])
    op.create_table(
        "rendezvous",
        string("rendezvous_id", primary_key=True),
        string("payload"),
        string("sequence_token"),
        number("expires_ms"),
        sa.PrimaryKeyConstraint("rendezvous_id", name=op.f("pk_rendezvous")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_rendezvous_expires_ms", "rendezvous", ["expires_ms"])
    op.create_table(
        "sticky_events",
        number("event_nid", primary_key=True, autoincrement=False),
        string("room_id"),
        string("sender"),
        number("ends_ms"),
        number("position", nullable=True),
        flag("soft_failed"),
        sa.PrimaryKeyConstraint("event_nid", name=op.f("pk_sticky_events")),
    )
    op.create_index("ix_sticky_events_ends_ms", "sticky_events", ["ends_ms"])
    op.create_index("ix_sticky_events_room_id_position", "sticky_events", ["room_id", "position"])


def downgrade() -> None:
    """What it was before."""
    for table in ("sticky_events", "rendezvous", "delayed_events"):
        op.drop_table(table)
