"""Accounts may end."""

import sqlalchemy as sa
from alembic import op

from homeserver.store.schema.columns import flag, number, string

revision = "homeserver_0014"
down_revision = "homeserver_0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Accounts may end."""
    op.create_table(
        "account_validity",
        string("user_id", primary_key=True),
        number("expires_ms", nullable=True),
        flag("renewable"),
        number("reminded_ms", nullable=True),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_account_validity")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_account_validity_expires_ms", "account_validity", ["expires_ms"])


def downgrade() -> None:
    """No account ends."""
    op.drop_table("account_validity")
