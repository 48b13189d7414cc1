"""Events, their edges and relations, and the states before those that do not lie on the line of the log."""

from sqlalchemy import Index, Table

from homeserver.store.schema.columns import blob, number, small, string
from homeserver.store.schema.indexes import partial_index
from homeserver.store.schema.tables import METADATA

events = Table(
    "events",
    METADATA,
    # The position at which the event was stored.
    number("nid", primary_key=True, autoincrement=False),
    string("event_id", unique=True),
    number("room_nid"),
    # Where the event is in its room's timeline; NULL: it is in none (outlier, rejected, soft-failed).
    number("ordering", nullable=True),
    string("type"),
    string("state_key", nullable=True),
    string("sender"),
    number("depth"),
    number("origin_server_ts"),
    # The canonical JSON of the signed federation form.
    blob("pdu"),
    # events.Status
    small("status"),
    # The rule that rejected or soft-failed it.
    string("reason", nullable=True),
    # The event that redacted it.
    string("redacted_by", nullable=True),
    # Who of this server sent it, and by which request: shown back to that device.
    string("device_id", nullable=True),
    string("txn_id", nullable=True),
)
Index("ix_events_room_nid_ordering", events.c.room_nid, events.c.ordering)

# The nearest event to a point in time.  Spec: client-server-api#get_matrixclientv1roomsroomidtimestamp_to_event
partial_index(
    "ix_events_room_nid_origin_server_ts",
    events.c.room_nid,
    events.c.origin_server_ts,
    where="ordering IS NOT NULL",
)

# Only for events whose state before is not simply "as of just before its ordering".
event_states = Table(
    "event_states",
    METADATA,
    number("event_nid", primary_key=True, autoincrement=False),
    number("state_nid"),
)
Index("ix_event_states_state_nid", event_states.c.state_nid)

# A state as a difference: from another such state, from the room's as of a position, or from nothing.
states = Table(
    "states",
    METADATA,
    number("nid", primary_key=True),
    number("room_nid"),
    number("parent", nullable=True),
    number("base_position", nullable=True),
    # JSON: a list of [type, state_key, event nid or null].
    blob("delta"),
)
Index("ix_states_parent", states.c.parent)
Index("ix_states_room_nid", states.c.room_nid)

# Events that are referred to and not here: where backfill goes on.
backward_extremities = Table(
    "backward_extremities",
    METADATA,
    number("room_nid", primary_key=True, autoincrement=False),
    string("event_id", primary_key=True),
    # Of an event that follows it.
    number("ordering"),
    sqlite_with_rowid=False,
)

# An event that refers to another: replies in threads, edits, reactions, references.
relations = Table(
    "relations",
    METADATA,
    number("event_nid", primary_key=True, autoincrement=False),
    number("room_nid"),
    string("relates_to"),
    string("rel_type"),
    string("event_type"),
    string("sender"),
    # The key of an annotation.
    string("key", nullable=True),
    # As of the event.
    number("ordering", nullable=True),
)
Index("ix_relations_relates_to", relations.c.relates_to, relations.c.rel_type, relations.c.ordering)
partial_index(
    "ix_relations_threads",
    relations.c.room_nid,
    relations.c.ordering,
    where="rel_type = 'm.thread'",
)
# Who has replied in a thread, however long it is.
partial_index(
    "ix_relations_repliers",
    relations.c.relates_to,
    relations.c.sender,
    where="rel_type = 'm.thread'",
)

# Redactions whose target is not here yet.
redactions_waiting = Table(
    "redactions_waiting",
    METADATA,
    string("redacts", primary_key=True),
    string("redaction_event_id", primary_key=True),
    sqlite_with_rowid=False,
)
Index("ix_redactions_waiting_redaction_event_id", redactions_waiting.c.redaction_event_id)
