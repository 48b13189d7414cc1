"""Work that goes on in the background, and the rooms that are closed."""

from sqlalchemy import Index, Table

from homeserver.store.schema.columns import flag, number, string
from homeserver.store.schema.tables import METADATA

# Long work, done in small steps; each step is one transaction that also writes down here how far it has come.
jobs = Table(
    "jobs",
    METADATA,
    number("nid", primary_key=True),
    string("kind"),
    # What it is about, as a room ID: of one kind and subject one job is under way at a time.
    string("subject"),
    # JSON
    string("parameters"),
    # 'queued', 'running', 'done', 'failed' or 'cancelled'
    string("state"),
    # JSON: where the next step goes on, as the kind of work understands it.
    string("place"),
    number("done"),
    # NULL: nobody knows.
    number("total", nullable=True),
    # JSON: what came of it.
    string("result", nullable=True),
    string("error", nullable=True),
    # Somebody wants it to end.
    flag("cancelled"),
    # NULL: the server itself.
    string("created_by", nullable=True),
    number("created_ms"),
    number("started_ms", nullable=True),
    number("finished_ms", nullable=True),
    # Which process is at it, and until when; also: not before when it is tried again.
    string("holder", nullable=True),
    number("held_until_ms", nullable=True),
    sqlite_autoincrement=True,
)
Index("ix_jobs_state", jobs.c.state, jobs.c.nid)
Index("ix_jobs_subject", jobs.c.subject)

# Rooms that nobody of this server comes into, whether they are known otherwise or not.
closed_rooms = Table(
    "closed_rooms",
    METADATA,
    string("room_id", primary_key=True),
    # 'blocked': an administrator forbids the room; 'deleting': it is being deleted.
    string("cause", primary_key=True),
    string("closed_by", nullable=True),
    string("reason", nullable=True),
    number("since_ms"),
    sqlite_with_rowid=False,
)
