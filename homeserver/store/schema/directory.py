"""The user directory: what known users are called, local or not, and the words of it."""

from sqlalchemy import Index, Table

from homeserver.store.schema.columns import string
from homeserver.store.schema.tables import METADATA

user_directory = Table(
    "user_directory",
    METADATA,
    string("user_id", primary_key=True),
    string("display_name", nullable=True),
    string("avatar_url", nullable=True),
    sqlite_with_rowid=False,
)

# A user is found by the beginning of any of these.
user_directory_terms = Table(
    "user_directory_terms",
    METADATA,
    string("user_id", primary_key=True),
    string("term", primary_key=True),
    sqlite_with_rowid=False,
)
Index("ix_user_directory_terms_term", user_directory_terms.c.term)
