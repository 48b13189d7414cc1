"""Jobs and closed rooms have tables; what belongs to a room is found by it."""

import sqlalchemy as sa
from alembic import op

from homeserver.store.schema.columns import flag, number, string

revision = "homeserver_0005"
down_revision = "homeserver_0004"
branch_labels = None
depends_on = None

_INDEXES = (
    ("ix_account_data_room_id", "account_data", ["room_id"]),
    ("ix_unread_room_nid", "unread", ["room_nid"]),
    ("ix_reports_room_id", "reports", ["room_id"]),
    ("ix_states_room_nid", "states", ["room_nid"]),
    ("ix_redactions_waiting_redaction_event_id", "redactions_waiting", ["redaction_event_id"]),
)


def upgrade() -> None:
    """Jobs and closed rooms have tables; what belongs to a room is found by it."""
    op.create_table(
        "jobs",
        number("nid", primary_key=True),
        string("kind"),
        string("subject"),
        string("parameters"),
        string("state"),
        string("place"),
        number("done"),
        number("total", nullable=True),
        string("result", nullable=True),
        string("error", nullable=True),
        flag("cancelled"),
        string("created_by", nullable=True),
        number("created_ms"),
        number("started_ms", nullable=True),
        number("finished_ms", nullable=True),
        string("holder", nullable=True),
        number("held_until_ms", nullable=True),
        sa.PrimaryKeyConstraint("nid", name=op.f("pk_jobs")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_state", "jobs", ["state", "nid"])
    op.create_index("ix_jobs_subject", "jobs", ["subject"])
    op.create_table(
        "closed_rooms",
        string("room_id", primary_key=True),
        string("cause", primary_key=True),
        string("closed_by", nullable=True),
        string("reason", nullable=True),
        number("since_ms"),
        sa.PrimaryKeyConstraint("room_id", "cause", name=op.f("pk_closed_rooms")),
        sqlite_with_rowid=False,
    )
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns)
    _rebuild_rooms(autoincrement=True)


def downgrade() -> None:
    """What it was before."""
    _rebuild_rooms(autoincrement=False)
    for name, table, _ in _INDEXES:
        op.drop_index(name, table)
    op.drop_table("closed_rooms")
    op.drop_table("jobs")


def _rebuild_rooms(*, autoincrement: bool) -> None:
    """SQLite gives out the number of a deleted room again, or does not; PostgreSQL never did."""
    if op.get_context().dialect.name != "sqlite":
        return
    op.create_table(
        "rooms_rebuilt",
        number("nid", primary_key=True),
        string("room_id"),
        string("version", nullable=True),
        number("generation"),
        string("forward_extremities"),
        flag("joined"),
        flag("is_public"),
        string("creator", nullable=True),
        string("partial_state", nullable=True),
        flag("blocked"),
        sa.PrimaryKeyConstraint("nid", name=op.f("pk_rooms")),
        sa.UniqueConstraint("room_id", name=op.f("uq_rooms_room_id")),
        sqlite_autoincrement=autoincrement,
    )
    op.execute("INSERT INTO rooms_rebuilt SELECT * FROM rooms")
    op.drop_table("rooms")
    op.rename_table("rooms_rebuilt", "rooms")
