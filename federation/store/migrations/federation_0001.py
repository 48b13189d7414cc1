"""The first tables."""

import sqlalchemy as sa
from alembic import op

from homeserver.store.schema.columns import blob, number, string

revision = "federation_0001"
down_revision = None
branch_labels = ("federation",)
depends_on = None


def upgrade() -> None:
    """The first tables."""
    op.create_table(
        "inbox_transactions",
        string("origin", primary_key=True),
        string("txn_id", primary_key=True),
        string("response"),
        number("received_ms"),
        sa.PrimaryKeyConstraint("origin", "txn_id", name=op.f("pk_inbox_transactions")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("inbox_transactions", schema=None) as batch_op:
        batch_op.create_index("ix_inbox_transactions_received_ms", ["received_ms"], unique=False)

    op.create_table(
        "partial_joins",
        number("room_nid", primary_key=True, autoincrement=False),
        string("joined_via"),
        string("servers"),
        string("join_event_id"),
        number("begun_ms"),
        sa.PrimaryKeyConstraint("room_nid", name=op.f("pk_partial_joins")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pending_pdus",
        number("nid", primary_key=True),
        string("room_id"),
        string("event_id"),
        string("origin"),
        blob("pdu"),
        number("received_ms"),
        sa.PrimaryKeyConstraint("nid", name=op.f("pk_pending_pdus")),
    )
    with op.batch_alter_table("pending_pdus", schema=None) as batch_op:
        batch_op.create_index("ix_pending_pdus_event_id", ["event_id"], unique=False)
        batch_op.create_index("ix_pending_pdus_room_id", ["room_id", "nid"], unique=False)

    op.create_table(
        "outages",
        string("server_name", primary_key=True),
        number("failures"),
        number("since_ms"),
        number("retry_at_ms"),
        sa.PrimaryKeyConstraint("server_name", name=op.f("pk_outages")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "outbox_edus",
        string("destination", primary_key=True),
        number("position", primary_key=True, autoincrement=False),
        string("subject", nullable=True),
        string("edu"),
        sa.PrimaryKeyConstraint("destination", "position", name=op.f("pk_outbox_edus")),
    )
    with op.batch_alter_table("outbox_edus", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_edus_destination_subject", ["destination", "subject"], unique=False)

    op.create_table(
        "outbox_rooms",
        string("destination", primary_key=True),
        string("room_id", primary_key=True),
        number("first_position"),
        number("last_position"),
        sa.PrimaryKeyConstraint("destination", "room_id", name=op.f("pk_outbox_rooms")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "outbox_transactions",
        string("destination", primary_key=True),
        string("transaction_id"),
        number("made_ms"),
        string("pdus"),
        string("edus"),
        sa.PrimaryKeyConstraint("destination", name=op.f("pk_outbox_transactions")),
    )
    op.create_table(
        "server_key_documents",
        string("server_name", primary_key=True),
        string("document"),
        number("fetched_ms"),
        number("valid_until_ms"),
        sa.PrimaryKeyConstraint("server_name", name=op.f("pk_server_key_documents")),
    )
    op.create_table(
        "server_keys",
        string("server_name", primary_key=True),
        string("key_id", primary_key=True),
        blob("octets"),
        number("valid_until_ms"),
        number("expired_ms", nullable=True),
        sa.PrimaryKeyConstraint("server_name", "key_id", name=op.f("pk_server_keys")),
        sqlite_with_rowid=False,
    )
