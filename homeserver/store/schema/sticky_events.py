"""Events that are told to everybody in the room as long as they are sticky.  Spec: proposals/4354"""

from sqlalchemy import Index, Table

from homeserver.store.schema.columns import flag, number, string
from homeserver.store.schema.tables import METADATA

sticky_events = Table(
    "sticky_events",
    METADATA,
    number("event_nid", primary_key=True, autoincrement=False),
    string("room_id"),
    string("sender"),
    number("ends_ms"),
    # Where the log says that it is told; NULL: it is held back.
    number("position", nullable=True),
    # By the checks on receipt, that is, and may yet be told.
    flag("soft_failed"),
)
Index("ix_sticky_events_room_id_position", sticky_events.c.room_id, sticky_events.c.position)
Index("ix_sticky_events_ends_ms", sticky_events.c.ends_ms)
