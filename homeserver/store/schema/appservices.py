"""Application services: what is on its way to each, and the rooms of the networks that they bridge to."""

from sqlalchemy import Index, Table

from homeserver.store.schema.columns import blob, number, string
from homeserver.store.schema.tables import METADATA

# The transaction that an application service is being sent; how far it has come beside that say the cursors.
appservice_transactions = Table(
    "appservice_transactions",
    METADATA,
    string("appservice_id", primary_key=True),
    # How many transactions there were, this one among them.
    number("serial"),
    # It tells all that the log says up to here.
    number("upto"),
    # JSON; NULL: it was delivered.
    blob("body", nullable=True),
    # JSON: the users whose messages to devices are in it, and are deleted once it is delivered.
    string("recipients"),
    sqlite_with_rowid=False,
)

# Rooms that the directory shows under a network.
network_rooms = Table(
    "network_rooms",
    METADATA,
    string("appservice_id", primary_key=True),
    string("network_id", primary_key=True),
    number("room_nid", primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
Index("ix_network_rooms_room_nid", network_rooms.c.room_nid)
