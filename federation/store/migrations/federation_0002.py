"""What belongs to a room is found by it, also what waits for others."""

from alembic import op

revision = "federation_0002"
down_revision = "federation_0001"
branch_labels = None
depends_on = None

_INDEXES = (("ix_outbox_rooms_room_id", "outbox_rooms", ["room_id"]),)


def upgrade() -> None:
    """What belongs to a room is found by it, also what waits for others."""
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns)


def downgrade() -> None:
    """What it was before."""
    for name, table, _ in _INDEXES:
        op.drop_index(name, table)
