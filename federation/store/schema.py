"""The tables of federation: what is owed to other servers, and what was heard of and from them."""

from typing import Final

from sqlalchemy import Index, MetaData, Table

from homeserver.store.schema.columns import NAMING, Schema, blob, number, string

METADATA: Final = MetaData(naming_convention=NAMING)

# What is known of other servers' keys, also of those no longer in use.
server_keys = Table(
    "server_keys",
    METADATA,
    string("server_name", primary_key=True),
    string("key_id", primary_key=True),
    blob("octets"),
    # Until then it is believed without asking again.
    number("valid_until_ms"),
    # When the server stopped using it; NULL: it is in use.
    number("expired_ms", nullable=True),
    sqlite_with_rowid=False,
)

# The newest document of each server as it was published: what a notary hands on.
server_key_documents = Table(
    "server_key_documents",
    METADATA,
    string("server_name", primary_key=True),
    string("document"),
    number("fetched_ms"),
    number("valid_until_ms"),
)

# The servers that do not answer; a row is gone when they do.
outages = Table(
    "outages",
    METADATA,
    string("server_name", primary_key=True),
    number("failures"),
    number("since_ms"),
    number("retry_at_ms"),
    sqlite_with_rowid=False,
)

# The events that wait for a destination: in each room those at positions from the first to the last.  However long a
# destination is away, a room is one row.
outbox_rooms = Table(
    "outbox_rooms",
    METADATA,
    string("destination", primary_key=True),
    string("room_id", primary_key=True),
    number("first_position"),
    number("last_position"),
    sqlite_with_rowid=False,
)
Index("ix_outbox_rooms_room_id", outbox_rooms.c.room_id)

# The EDUs that wait for a destination, in the order of their positions in the log.
outbox_edus = Table(
    "outbox_edus",
    METADATA,
    string("destination", primary_key=True),
    number("position", primary_key=True, autoincrement=False),
    # A later EDU of the same subject takes the place of one that still waits; NULL: nothing does.
    string("subject", nullable=True),
    string("edu"),
)
Index("ix_outbox_edus_destination_subject", outbox_edus.c.destination, outbox_edus.c.subject)

# The transaction that each destination is being sent, from before the first attempt until it is confirmed: whenever it
# is tried again, also by another process, it is the same.
outbox_transactions = Table(
    "outbox_transactions",
    METADATA,
    string("destination", primary_key=True),
    string("transaction_id"),
    number("made_ms"),
    # JSON: pairs of room ID and position, and the EDUs themselves.
    string("pdus"),
    string("edus"),
)

# Servers that came into a room, or were away for long, and have not been sent what is sticky there.
sticky_pushes = Table(
    "sticky_pushes",
    METADATA,
    string("destination", primary_key=True),
    string("room_id", primary_key=True),
    sqlite_with_rowid=False,
)
Index("ix_sticky_pushes_room_id", sticky_pushes.c.room_id)

SCHEMA: Final = Schema("federation", METADATA, "federation.store.migrations", "federation_0004")
