"""What belongs to a room is found by it in newer tables, too."""

from alembic import op

revision = "homeserver_0011"
down_revision = "homeserver_0010"
branch_labels = None
depends_on = None

_INDEXES = (
    ("ix_notices_rooms_room_id", "notices_rooms", ["room_id"]),
    ("ix_sliding_rooms_room_nid", "sliding_rooms", ["room_nid"]),
    ("ix_thread_subscriptions_room_nid", "thread_subscriptions", ["room_nid"]),
)


def upgrade() -> None:
    """What belongs to a room is found by it in newer tables, too."""
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns)


def downgrade() -> None:
    """What it was before."""
    for name, table, _ in _INDEXES:
        op.drop_index(name, table)
