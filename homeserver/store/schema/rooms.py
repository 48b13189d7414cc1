"""Rooms, and what is current in them."""

from sqlalchemy import Index, Table

from homeserver.store.schema.columns import flag, number, string
from homeserver.store.schema.indexes import partial_index
from homeserver.store.schema.tables import METADATA

rooms = Table(
    "rooms",
    METADATA,
    number("nid", primary_key=True),
    string("room_id", unique=True),
    # NULL: the version is not known; the room is known by an invite or a knock alone.
    string("version", nullable=True),
    # Goes up with each change of the extremities or the state: what another process may have changed in between.
    number("generation"),
    # JSON: a list of event IDs.
    string("forward_extremities"),
    # The server takes part in the room.
    flag("joined"),
    # The room is in the published directory.
    flag("is_public"),
    string("creator", nullable=True),
    # An administrator forbids the room.
    flag("blocked"),
    # The number of a room that was deleted is never that of another.
    sqlite_autoincrement=True,
)

# What the room directory and the space hierarchy show: kept when the state changes, so that a search reads one table.
room_summaries = Table(
    "room_summaries",
    METADATA,
    number("room_nid", primary_key=True, autoincrement=False),
    string("name", nullable=True),
    string("topic", nullable=True),
    string("canonical_alias", nullable=True),
    string("avatar_url", nullable=True),
    string("room_type", nullable=True),
    string("join_rule"),
    string("encryption", nullable=True),
    flag("guest_can_join"),
    flag("world_readable"),
    number("joined_members"),
)
Index("ix_room_summaries_joined_members", room_summaries.c.joined_members, room_summaries.c.room_nid)

# The current state as a temporal table: a row for each change of what the server holds as current.  The state as of a
# position is, for each key, its newest row at or before it.
state_changes = Table(
    "state_changes",
    METADATA,
    number("room_nid", primary_key=True, autoincrement=False),
    string("type", primary_key=True),
    string("state_key", primary_key=True),
    number("position", primary_key=True, autoincrement=False),
    # NULL: from here on nothing.
    number("event_nid", nullable=True),
    # Of an m.room.member: its membership, so that counting members reads no events.
    string("membership", nullable=True),
    sqlite_with_rowid=False,
)
Index("ix_state_changes_room_nid_position", state_changes.c.room_nid, state_changes.c.position)
# The rooms of a user, local or not.
partial_index(
    "ix_state_changes_member",
    state_changes.c.state_key,
    state_changes.c.room_nid,
    state_changes.c.position,
    where="type = 'm.room.member'",
)

# One row for each local user and room the user ever had to do with.
memberships = Table(
    "memberships",
    METADATA,
    string("user_id", primary_key=True),
    number("room_nid", primary_key=True, autoincrement=False),
    string("membership"),
    # Where the change is in the log.
    number("position"),
    # NULL: the event is not here (an invite or a knock to a room that only others have).
    number("event_nid", nullable=True),
    string("sender"),
    flag("forgotten"),
    # JSON: the stripped state that came with an invite or belongs to a knock.
    string("stripped_state", nullable=True),
    sqlite_with_rowid=False,
)
Index("ix_memberships_room_nid", memberships.c.room_nid, memberships.c.membership)

# An alias of this server, and the room it points to.
room_aliases = Table(
    "room_aliases",
    METADATA,
    string("alias", primary_key=True),
    string("room_id"),
    # JSON: a list of server names.
    string("servers"),
    string("creator"),
    sqlite_with_rowid=False,
)
Index("ix_room_aliases_room_id", room_aliases.c.room_id)
