"""The one log, and its head."""

from sqlalchemy import Table

from homeserver.store.schema.columns import number, small, string
from homeserver.store.schema.tables import METADATA

log = Table(
    "log",
    METADATA,
    number("position", primary_key=True, autoincrement=False),
    string("kind"),
    string("subject"),
    number("ref", nullable=True),
)

# One row.  Who writes holds its lock from the first statement to the commit.
log_head = Table(
    "log_head",
    METADATA,
    small("one", primary_key=True, autoincrement=False),
    number("position"),
)
