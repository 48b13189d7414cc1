"""What mail needs, and the terms that users accepted, have tables."""

import sqlalchemy as sa
from alembic import op

from homeserver.store.schema.columns import blob, flag, number, string

revision = "homeserver_0006"
down_revision = "homeserver_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What mail needs, and the terms that users accepted, have tables."""
    op.create_table(
        "validation_sessions",
        string("sid", primary_key=True),
        string("address"),
        string("secret_hash"),
        string("purpose"),
        number("send_attempt"),
        string("next_link", nullable=True),
        flag("can_validate"),
        number("validated_ms", nullable=True),
        number("expires_ms"),
        sa.PrimaryKeyConstraint("sid", name=op.f("pk_validation_sessions")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_validation_sessions_address_secret_hash_purpose",
        "validation_sessions",
        ["address", "secret_hash", "purpose"],
        unique=True,
    )
    op.create_index("ix_validation_sessions_expires_ms", "validation_sessions", ["expires_ms"])
    op.create_table(
        "outgoing_mail",
        number("nid", primary_key=True),
        string("recipient"),
        blob("message"),
        number("created_ms"),
        number("failures"),
        number("due_ms"),
        sa.PrimaryKeyConstraint("nid", name=op.f("pk_outgoing_mail")),
    )
    op.create_index("ix_outgoing_mail_due_ms", "outgoing_mail", ["due_ms"])
    op.create_table(
        "digests",
        string("user_id", primary_key=True),
        string("app_id", primary_key=True),
        string("pushkey", primary_key=True),
        number("due_ms", nullable=True),
        number("interval_ms"),
        number("sent_ms", nullable=True),
        number("told_upto"),
        sa.PrimaryKeyConstraint("user_id", "app_id", "pushkey", name=op.f("pk_digests")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_digests_due_ms", "digests", ["due_ms"])
    op.create_table(
        "accepted_policies",
        string("user_id", primary_key=True),
        string("policy", primary_key=True),
        string("version", primary_key=True),
        number("accepted_ms"),
        sa.PrimaryKeyConstraint("user_id", "policy", "version", name=op.f("pk_accepted_policies")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """What it was before."""
    for table in ("accepted_policies", "digests", "outgoing_mail", "validation_sessions"):
        op.drop_table(table)
