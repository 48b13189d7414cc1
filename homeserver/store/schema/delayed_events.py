"""Events that are to be sent at a later time.  Spec: proposals/4140"""

from sqlalchemy import Index, Table

from homeserver.store.schema.columns import number, string
from homeserver.store.schema.indexes import partial_index
from homeserver.store.schema.tables import METADATA

delayed_events = Table(
    "delayed_events",
    METADATA,
    string("delay_id", primary_key=True),
    string("user_id"),
    string("room_id"),
    string("type"),
    # NULL: it is no state.
    string("state_key", nullable=True),
    # JSON.
    string("content"),
    # JSON: what stands beside the content.
    string("fields"),
    # What an application service says; NULL: the time of sending.
    number("origin_server_ts", nullable=True),
    number("delay_ms"),
    # When its delay began, last.
    number("scheduled_ms"),
    # NULL: it is finalised.
    number("send_at_ms", nullable=True),
    number("finalised_ms", nullable=True),
    # The event that it became.
    string("event_id", nullable=True),
    # JSON: the error that kept it from being sent.
    string("error", nullable=True),
    sqlite_with_rowid=False,
)
partial_index(
    "ix_delayed_events_send_at_ms",
    delayed_events.c.send_at_ms,
    where="send_at_ms IS NOT NULL",
)
Index("ix_delayed_events_room_id", delayed_events.c.room_id)
Index("ix_delayed_events_user_id_finalised_ms", delayed_events.c.user_id, delayed_events.c.finalised_ms)
