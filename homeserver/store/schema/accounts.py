"""What belongs to a user beside the account itself: settings, receipts, what is unread, requests done once."""

from sqlalchemy import Index, Table

from homeserver.store.schema.columns import blob, flag, number, string
from homeserver.store.schema.tables import METADATA

# Tags are the account data m.tag, read markers m.fully_read.
account_data = Table(
    "account_data",
    METADATA,
    string("user_id", primary_key=True),
    # '': global
    string("room_id", primary_key=True),
    string("type", primary_key=True),
    # JSON; NULL: deleted, and kept so that clients hear of it.
    string("content", nullable=True),
    number("position"),
    sqlite_with_rowid=False,
)
Index("ix_account_data_user_id_position", account_data.c.user_id, account_data.c.position)
Index("ix_account_data_room_id", account_data.c.room_id)

# What a user changed of the server's default push rules, whole.
push_rules = Table(
    "push_rules",
    METADATA,
    string("user_id", primary_key=True),
    # JSON
    string("changes"),
    number("position"),
    sqlite_with_rowid=False,
)

# Their earlier rules: in force for what came before the position, and since the last such position before it.
earlier_push_rules = Table(
    "earlier_push_rules",
    METADATA,
    string("user_id", primary_key=True),
    number("until_position", primary_key=True, autoincrement=False),
    # JSON
    string("changes"),
    sqlite_with_rowid=False,
)

pushers = Table(
    "pushers",
    METADATA,
    string("user_id", primary_key=True),
    string("app_id", primary_key=True),
    string("pushkey", primary_key=True),
    string("device_id", nullable=True),
    string("kind"),
    # JSON: the pusher as the client set it.
    string("description"),
    flag("enabled"),
    # Up to here everything was pushed.
    number("cursor"),
    number("created_ms"),
    number("failing_since_ms", nullable=True),
    sqlite_with_rowid=False,
)
Index("ix_pushers_pushkey", pushers.c.pushkey)

# The newest receipt of each user, type and thread in a room.
receipts = Table(
    "receipts",
    METADATA,
    number("room_nid", primary_key=True, autoincrement=False),
    string("user_id", primary_key=True),
    string("type", primary_key=True),
    # '': unthreaded
    string("thread_id", primary_key=True),
    string("event_id"),
    # NULL: the event is not here (yet).
    number("event_ordering", nullable=True),
    number("ts"),
    number("position"),
    sqlite_with_rowid=False,
)
Index("ix_receipts_room_nid_position", receipts.c.room_nid, receipts.c.position)
Index("ix_receipts_user_id", receipts.c.user_id, receipts.c.room_nid)

# How many events notify a user that come after its receipt, counted up to some event.  Nothing is written for each
# message and user: counts are made in memory from the events after, and put down here now and then.
unread = Table(
    "unread",
    METADATA,
    string("user_id", primary_key=True),
    number("room_nid", primary_key=True, autoincrement=False),
    # '': the main timeline; otherwise the event that the thread began with.
    string("thread_id", primary_key=True),
    number("upto_ordering"),
    number("notify_count"),
    number("highlight_count"),
    sqlite_with_rowid=False,
)
Index("ix_unread_room_nid", unread.c.room_nid)

filters = Table(
    "filters",
    METADATA,
    string("user_id", primary_key=True),
    number("filter_id", primary_key=True, autoincrement=False),
    # Canonical JSON: the same filter has the same number.
    string("filter"),
    sqlite_with_rowid=False,
)

# Requests that are done once however often they are sent.  Spec: client-server-api#transaction-identifiers
transactions = Table(
    "transactions",
    METADATA,
    # A hash of user, device, endpoint and transaction ID.
    blob("request", primary_key=True),
    # What was answered: an event ID, or the JSON of the response.
    string("answer"),
    number("created_ms"),
    sqlite_with_rowid=False,
)
Index("ix_transactions_created_ms", transactions.c.created_ms)

# Where consumers of the log (application services, push, publishers) are.
cursors = Table(
    "cursors",
    METADATA,
    string("consumer", primary_key=True),
    number("position"),
    # Who of several processes is at work, and until when.
    string("holder", nullable=True),
    number("held_until_ms", nullable=True),
    sqlite_with_rowid=False,
)

# Spec: client-server-api#reporting-content
reports = Table(
    "reports",
    METADATA,
    number("nid", primary_key=True),
    string("reporter"),
    # 'event', 'room' or 'user'
    string("subject_kind"),
    string("subject"),
    string("room_id", nullable=True),
    string("reason", nullable=True),
    number("score", nullable=True),
    number("received_ms"),
)
Index("ix_reports_room_id", reports.c.room_id)
