"""What nothing was ever written to is gone."""

import sqlalchemy as sa
from alembic import op

from homeserver.store.schema.columns import blob, number, string

revision = "homeserver_0015"
down_revision = "homeserver_0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What nothing was ever written to is gone."""
    op.drop_table("external_ids")
    op.drop_table("own_keys")
    op.drop_column("access_tokens", "puppets_user_id")
    op.drop_column("rooms", "partial_state")


def downgrade() -> None:
    """What it was before."""
    op.add_column("rooms", string("partial_state", nullable=True))
    op.add_column("access_tokens", string("puppets_user_id", nullable=True))
    op.create_table(
        "own_keys",
        string("key_id", primary_key=True),
        blob("verify_key"),
        number("expired_ms", nullable=True),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_own_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "external_ids",
        string("provider", primary_key=True),
        string("external_id", primary_key=True),
        string("user_id"),
        sa.PrimaryKeyConstraint("provider", "external_id", name=op.f("pk_external_ids")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_external_ids_user_id", "external_ids", ["user_id"])
