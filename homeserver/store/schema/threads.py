"""
Threads that users want to hear of.

Spec: proposals/4306
"""

from sqlalchemy import Index, Table

from homeserver.store.schema.columns import flag, number, string
from homeserver.store.schema.tables import METADATA

thread_subscriptions = Table(
    "thread_subscriptions",
    METADATA,
    string("user_id", primary_key=True),
    number("room_nid", primary_key=True, autoincrement=False),
    # The event that the thread began with.
    string("thread_id", primary_key=True),
    # False: the user has unsubscribed; kept, so that clients hear of it and older events do not subscribe again.
    flag("subscribed"),
    # A client subscribed because of an event, not because its user wanted to.
    flag("automatic"),
    # Where the change is in the log.
    number("position"),
    sqlite_with_rowid=False,
)
Index("ix_thread_subscriptions_user_id_position", thread_subscriptions.c.user_id, thread_subscriptions.c.position)
Index("ix_thread_subscriptions_room_nid", thread_subscriptions.c.room_nid)
