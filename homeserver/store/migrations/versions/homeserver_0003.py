"""Proofs of identity and the user directory have tables."""

import sqlalchemy as sa
from alembic import op

from homeserver.store.schema.columns import number, string

revision = "homeserver_0003"
down_revision = "homeserver_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Proofs of identity and the user directory have tables."""
    op.create_table(
        "openid_tokens",
        string("token_hash", primary_key=True),
        string("user_id"),
        number("expires_ms"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_openid_tokens")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_openid_tokens_expires_ms", "openid_tokens", ["expires_ms"])
    op.create_table(
        "user_directory",
        string("user_id", primary_key=True),
        string("display_name", nullable=True),
        string("avatar_url", nullable=True),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_user_directory")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "user_directory_terms",
        string("user_id", primary_key=True),
        string("term", primary_key=True),
        sa.PrimaryKeyConstraint("user_id", "term", name=op.f("pk_user_directory_terms")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_user_directory_terms_term", "user_directory_terms", ["term"])


def downgrade() -> None:
    """What it was before."""
    op.drop_table("user_directory_terms")
    op.drop_table("user_directory")
    op.drop_table("openid_tokens")
