"""PostgreSQL's index of words keeps little aside."""

from alembic import op

revision = "homeserver_0016"
down_revision = "homeserver_0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """PostgreSQL's index of words keeps little aside, which every search has to look through."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX ix_search_documents_words SET (gin_pending_list_limit = 256)")


def downgrade() -> None:
    """What it was before."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX ix_search_documents_words RESET (gin_pending_list_limit)")
