"""
Connections of sliding sync: what each client was sent, so that it goes on over restarts.

Spec: proposals/4186
"""

from sqlalchemy import Index, Table

from homeserver.store.schema.columns import flag, number, string
from homeserver.store.schema.tables import METADATA

# An answer that changes what was sent makes a new generation.  Two of them are kept, as nobody knows whether the client
# got the latest answer before it comes back: the settled one, and what the latest changes of it.
sliding_connections = Table(
    "sliding_connections",
    METADATA,
    number("nid", primary_key=True),
    string("user_id"),
    # '': the token has no device.
    string("device_id"),
    # '': the client gave it no name.
    string("conn_id"),
    number("used_ms"),
    # The generation that the rows of sliding_rooms are of.
    number("settled"),
    number("latest"),
    # JSON: what is remembered beside the rooms, as of the settled generation.
    string("memory"),
    # JSON: the same as of the latest generation, and the rooms that differ.
    string("pending"),
)
Index("ix_sliding_connections_user_id_device_id", sliding_connections.c.user_id, sliding_connections.c.device_id)
Index("ix_sliding_connections_used_ms", sliding_connections.c.used_ms)

# What was sent of a room, as of the settled generation.
sliding_rooms = Table(
    "sliding_rooms",
    METADATA,
    number("connection_nid", primary_key=True, autoincrement=False),
    number("room_nid", primary_key=True, autoincrement=False),
    # NULL: everything up to where the connection is.
    number("upto", nullable=True),
    # How many of the newest events the client has for certain.
    number("events"),
    # Which of the configs in the connection's memory it was sent by.
    number("config"),
    flag("is_dm"),
    sqlite_with_rowid=False,
)
Index("ix_sliding_rooms_room_nid", sliding_rooms.c.room_nid)
