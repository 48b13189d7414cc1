"""Where the server tells its users what it has to tell."""

from sqlalchemy import Index, Table

from homeserver.store.schema.columns import string
from homeserver.store.schema.tables import METADATA

# One room for each user who was ever told something.  Spec: client-server-api#server-notices
notices_rooms = Table(
    "notices_rooms",
    METADATA,
    string("user_id", primary_key=True),
    string("room_id"),
    sqlite_with_rowid=False,
)
Index("ix_notices_rooms_room_id", notices_rooms.c.room_id)
