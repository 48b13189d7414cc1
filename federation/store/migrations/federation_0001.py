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
        "destinations",
        string("server", primary_key=True),
        number("failing_since_ms", nullable=True),
        number("retry_last_ms", nullable=True),
        number("retry_interval_ms", nullable=True),
        number("last_heard_ms", nullable=True),
        number("last_successful_position"),
        sa.Column("catching_up", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("server", name=op.f("pk_destinations")),
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
    with op.batch_alter_table("inbox_transactions", schema=None) as batch_op:
        batch_op.create_index("ix_inbox_transactions_received_ms", ["received_ms"], unique=False)

    op.create_table(
        "outbox",
        string("destination", primary_key=True),
        number("position", primary_key=True, autoincrement=False),
        string("kind"),
        number("event_nid", nullable=True),
        string("edu", nullable=True),
        string("coalescing_key", nullable=True),
        sa.PrimaryKeyConstraint("destination", "position", name=op.f("pk_outbox")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outbox_coalescing_key",
            ["destination", "coalescing_key"],
            unique=True,
            sqlite_where=sa.text("coalescing_key IS NOT NULL"),
            postgresql_where=sa.text("coalescing_key IS NOT NULL"),
        )

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
        "server_keys",
        string("server", primary_key=True),
        string("key_id", primary_key=True),
        blob("verify_key"),
        number("valid_until_ms"),
        number("expired_ms", nullable=True),
        string("heard_from"),
        number("fetched_ms"),
        blob("answer"),
        sa.PrimaryKeyConstraint("server", "key_id", name=op.f("pk_server_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "well_known",
        string("server", primary_key=True),
        string("delegated_to", nullable=True),
        number("valid_until_ms"),
        sa.PrimaryKeyConstraint("server", name=op.f("pk_well_known")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """What it was before."""
    op.drop_table("well_known")
    op.drop_table("server_keys")
    with op.batch_alter_table("pending_pdus", schema=None) as batch_op:
        batch_op.drop_index("ix_pending_pdus_room_id")
        batch_op.drop_index("ix_pending_pdus_event_id")

    op.drop_table("pending_pdus")
    op.drop_table("partial_joins")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_outbox_coalescing_key",
            sqlite_where=sa.text("coalescing_key IS NOT NULL"),
            postgresql_where=sa.text("coalescing_key IS NOT NULL"),
        )

    op.drop_table("outbox")
    with op.batch_alter_table("inbox_transactions", schema=None) as batch_op:
        batch_op.drop_index("ix_inbox_transactions_received_ms")

    op.drop_table("inbox_transactions")
    op.drop_table("destinations")
