"""Redactions that go on, and what redactions took away, have tables."""

import sqlalchemy as sa
from alembic import op

from homeserver.store.schema.columns import blob, number, string

revision = "homeserver_0013"
down_revision = "homeserver_0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Redactions that go on, and what redactions took away, have tables."""
    op.create_table(
        "relation_redactions",
        number("room_nid", primary_key=True, autoincrement=False),
        string("redacts", primary_key=True),
        string("redaction_event_id", primary_key=True),
        string("rel_types"),
        string("target_rel_type", nullable=True),
        number("place", nullable=True),
        sa.PrimaryKeyConstraint("room_nid", "redacts", "redaction_event_id", name=op.f("pk_relation_redactions")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_relation_redactions_under_way",
        "relation_redactions",
        ["room_nid"],
        sqlite_where=sa.text("place IS NOT NULL"),
        postgresql_where=sa.text("place IS NOT NULL"),
    )
    op.create_table(
        "related_events_waiting",
        number("room_nid", primary_key=True, autoincrement=False),
        number("event_nid", primary_key=True, autoincrement=False),
        string("redacts", primary_key=True),
        string("redaction_event_id", primary_key=True),
        sa.PrimaryKeyConstraint(
            "room_nid", "event_nid", "redacts", "redaction_event_id", name=op.f("pk_related_events_waiting")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "member_redactions",
        number("room_nid", primary_key=True, autoincrement=False),
        string("user_id", primary_key=True),
        number("event_nid"),
        string("event_id"),
        number("since_nid"),
        sa.PrimaryKeyConstraint("room_nid", "user_id", name=op.f("pk_member_redactions")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "redacted_contents",
        number("event_nid", primary_key=True, autoincrement=False),
        string("sender"),
        number("redacted_ms"),
        blob("pdu", nullable=True),
        sa.PrimaryKeyConstraint("event_nid", name=op.f("pk_redacted_contents")),
    )
    op.create_index("ix_redacted_contents_sender", "redacted_contents", ["sender"])
    op.create_index(
        "ix_redacted_contents_redacted_ms",
        "redacted_contents",
        ["redacted_ms"],
        sqlite_where=sa.text("pdu IS NOT NULL"),
        postgresql_where=sa.text("pdu IS NOT NULL"),
    )


def downgrade() -> None:
    """What it was before."""
    op.drop_table("redacted_contents")
    op.drop_table("member_redactions")
    op.drop_table("related_events_waiting")
    op.drop_table("relation_redactions")
