"""The tables of federation: what is owed to other servers, and what was heard of and from them."""

from typing import Final

from sqlalchemy import Index, MetaData, Table, text

from homeserver.store.schema.columns import NAMING, Schema, blob, flag, number, string

METADATA: Final = MetaData(naming_convention=NAMING)

destinations = Table(
    "destinations",
    METADATA,
    string("server", primary_key=True),
    # NULL: it answered the last request.
    number("failing_since_ms", nullable=True),
    number("retry_last_ms", nullable=True),
    number("retry_interval_ms", nullable=True),
    # When it was last heard of, as peer or caller.
    number("last_heard_ms", nullable=True),
    # Everything of the log up to here was delivered, or queued in the outbox.
    number("last_successful_position"),
    # Too much waited: its queue was dropped, and it catches up from the newest events of the rooms it is in.
    flag("catching_up"),
    sqlite_with_rowid=False,
)

# What waits for each destination, in the order of the log.
outbox = Table(
    "outbox",
    METADATA,
    string("destination", primary_key=True),
    number("position", primary_key=True, autoincrement=False),
    # 'pdu' or 'edu'
    string("kind"),
    # Of a PDU.
    number("event_nid", nullable=True),
    # JSON of an EDU.
    string("edu", nullable=True),
    # An EDU replaces what waits under the same key; NULL: it does not.
    string("coalescing_key", nullable=True),
    sqlite_with_rowid=False,
)
Index(
    "ix_outbox_coalescing_key",
    outbox.c.destination,
    outbox.c.coalescing_key,
    unique=True,
    sqlite_where=text("coalescing_key IS NOT NULL"),
    postgresql_where=text("coalescing_key IS NOT NULL"),
)

server_keys = Table(
    "server_keys",
    METADATA,
    string("server", primary_key=True),
    string("key_id", primary_key=True),
    blob("verify_key"),
    # Until then the key may be used for signatures of any event; past it only for older ones.
    number("valid_until_ms"),
    # NULL: in use.
    number("expired_ms", nullable=True),
    # Who answered it: the server itself, or a notary.
    string("heard_from"),
    number("fetched_ms"),
    # The JSON of the signed answer, for who asks us as a notary.
    blob("answer"),
    sqlite_with_rowid=False,
)

# Transactions of other servers that were answered: the same answer again when they are sent again.
inbox_transactions = Table(
    "inbox_transactions",
    METADATA,
    string("origin", primary_key=True),
    string("txn_id", primary_key=True),
    # JSON
    string("response"),
    number("received_ms"),
    sqlite_with_rowid=False,
)
Index("ix_inbox_transactions_received_ms", inbox_transactions.c.received_ms)

# PDUs that were accepted from a transaction and are not worked in yet.
pending_pdus = Table(
    "pending_pdus",
    METADATA,
    number("nid", primary_key=True),
    string("room_id"),
    string("event_id"),
    string("origin"),
    blob("pdu"),
    number("received_ms"),
)
Index("ix_pending_pdus_room_id", pending_pdus.c.room_id, pending_pdus.c.nid)
Index("ix_pending_pdus_event_id", pending_pdus.c.event_id)

# Where a server's name leads, as its well-known file said.
well_known = Table(
    "well_known",
    METADATA,
    string("server", primary_key=True),
    # NULL: it has none.
    string("delegated_to", nullable=True),
    number("valid_until_ms"),
    sqlite_with_rowid=False,
)

# Joins half done: whom to ask for the rest of the state.
partial_joins = Table(
    "partial_joins",
    METADATA,
    number("room_nid", primary_key=True, autoincrement=False),
    string("joined_via"),
    # JSON: a list of server names.
    string("servers"),
    string("join_event_id"),
    number("begun_ms"),
    sqlite_with_rowid=False,
)

SCHEMA = Schema("federation", METADATA, "federation.store.migrations", "federation_0001")
