"""What administrators did, and what they allow single accounts."""

from sqlalchemy import Index, Table

from homeserver.store.schema.columns import flag, number, string
from homeserver.store.schema.tables import METADATA

# Who did what to whom.
admin_actions = Table(
    "admin_actions",
    METADATA,
    number("nid", primary_key=True),
    number("at_ms"),
    string("admin"),
    # The ID of the operation.
    string("operation"),
    # What the path names: a user, a room, a token; '': nothing.
    string("subject"),
    # JSON: the rest of the request, without its secrets.
    string("details"),
    # '': done; otherwise the reason why not.
    string("refusal"),
    string("address"),
)
Index("ix_admin_actions_at_ms", admin_actions.c.at_ms)

# Rate limits of accounts that have their own.
rate_limit_overrides = Table(
    "rate_limit_overrides",
    METADATA,
    string("user_id", primary_key=True),
    # JSON: {kind: [per second, burst], or null for no limit}
    string("limits"),
    sqlite_with_rowid=False,
)

# Until when accounts can be used; who is not here yet has one without an end.
account_validity = Table(
    "account_validity",
    METADATA,
    string("user_id", primary_key=True),
    # NULL: without an end.
    number("expires_ms", nullable=True),
    # The user can renew it, and is reminded to.
    flag("renewable"),
    # The end that the user was reminded of.
    number("reminded_ms", nullable=True),
    sqlite_with_rowid=False,
)
Index("ix_account_validity_expires_ms", account_validity.c.expires_ms)
