"""Texts are found by their words."""

import sqlalchemy as sa
from alembic import op

from homeserver.store.schema.columns import number, small, string
from homeserver.store.schema.search import FTS_TABLE, WORDS

revision = "homeserver_0010"
down_revision = "homeserver_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Texts are found by their words."""
    op.create_table(
        "search_documents",
        number("nid", primary_key=True, autoincrement=False),
        number("room_nid"),
        small("key"),
        number("origin_server_ts"),
        sa.Column("words", WORDS, nullable=True),
        sa.PrimaryKeyConstraint("nid", name=op.f("pk_search_documents")),
    )
    op.create_index(
        "ix_search_documents_words",
        "search_documents",
        ["words"],
        postgresql_using="gin",
        sqlite_where=sa.text("words IS NOT NULL"),
    )
    op.create_table(
        "search_upkeep",
        small("one", primary_key=True, autoincrement=False),
        string("version"),
        number("erased"),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_search_upkeep")),
    )
    if op.get_context().dialect.name == "sqlite":
        op.execute(FTS_TABLE)


def downgrade() -> None:
    """What it was before."""
    if op.get_context().dialect.name == "sqlite":
        op.execute("DROP TABLE search_words")
    op.drop_table("search_upkeep")
    op.drop_table("search_documents")
