"""Where two devices of one user meet before one of them is logged in.  Spec: proposals/4388"""

from sqlalchemy import Index, Table

from homeserver.store.schema.columns import number, string
from homeserver.store.schema.tables import METADATA

rendezvous = Table(
    "rendezvous",
    METADATA,
    string("rendezvous_id", primary_key=True),
    string("payload"),
    # Another one after each write.
    string("sequence_token"),
    number("expires_ms"),
    sqlite_with_rowid=False,
)
Index("ix_rendezvous_expires_ms", rendezvous.c.expires_ms)
