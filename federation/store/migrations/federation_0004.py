"""Transactions that came in and joins are not kept apart: events are stored before a transaction is answered."""

import sqlalchemy as sa
from alembic import op

from homeserver.store.schema.columns import blob, number, string

revision = "federation_0004"
down_revision = "federation_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Three tables that nothing was ever written to are gone."""
    for table in ("inbox_transactions", "partial_joins", "pending_pdus"):
        op.drop_table(table)


def downgrade() -> None:
    """What it was before."""
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
    op.create_index("ix_pending_pdus_event_id", "pending_pdus", ["event_id"])
    op.create_index("ix_pending_pdus_room_id", "pending_pdus", ["room_id", "nid"])
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
        "inbox_transactions",
        string("origin", primary_key=True),
        string("txn_id", primary_key=True),
        string("response"),
        number("received_ms"),
        sa.PrimaryKeyConstraint("origin", "txn_id", name=op.f("pk_inbox_transactions")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_inbox_transactions_received_ms", "inbox_transactions", ["received_ms"])
