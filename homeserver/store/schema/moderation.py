"""
Redactions that go on: of what relates to an event, and of what a member has said; and what redactions took away.

Spec: proposals/3912, proposals/4293, proposals/2815
"""

from sqlalchemy import Index, Table

from homeserver.store.schema.columns import blob, number, string
from homeserver.store.schema.indexes import partial_index
from homeserver.store.schema.tables import METADATA

# A redaction that is to take along what relates to its target.
relation_redactions = Table(
    "relation_redactions",
    METADATA,
    number("room_nid", primary_key=True, autoincrement=False),
    string("redacts", primary_key=True),
    string("redaction_event_id", primary_key=True),
    # JSON: a list of relation types, "*" for all.
    string("rel_types"),
    # How the target itself related to another event, which it does not say any more.
    string("target_rel_type", nullable=True),
    # What relates to the target at places after this one is yet to be looked at; NULL: nothing is.
    number("place", nullable=True),
    sqlite_with_rowid=False,
)
partial_index(
    "ix_relation_redactions_under_way",
    relation_redactions.c.room_nid,
    where="place IS NOT NULL",
)

# Events that came after the redaction which is to take them along.
related_events_waiting = Table(
    "related_events_waiting",
    METADATA,
    number("room_nid", primary_key=True, autoincrement=False),
    number("event_nid", primary_key=True, autoincrement=False),
    string("redacts", primary_key=True),
    string("redaction_event_id", primary_key=True),
    sqlite_with_rowid=False,
)

# The newest kick or ban of a user that redacts what they said.
member_redactions = Table(
    "member_redactions",
    METADATA,
    number("room_nid", primary_key=True, autoincrement=False),
    string("user_id", primary_key=True),
    # The kick or ban.
    number("event_nid"),
    string("event_id"),
    # The event since which the user's events are redacted.
    number("since_nid"),
    sqlite_with_rowid=False,
)

# What events were before they were redacted.
redacted_contents = Table(
    "redacted_contents",
    METADATA,
    number("event_nid", primary_key=True, autoincrement=False),
    string("sender"),
    number("redacted_ms"),
    # The canonical JSON of the signed federation form; NULL: it was never here.
    blob("pdu", nullable=True),
)
Index("ix_redacted_contents_sender", redacted_contents.c.sender)
partial_index(
    "ix_redacted_contents_redacted_ms",
    redacted_contents.c.redacted_ms,
    where="pdu IS NOT NULL",
)
