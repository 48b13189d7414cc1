"""Kicks and bans that redact what their target has said, and those events.  Spec: proposals/4293"""

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, select

from homeserver.core.identifiers import EventID, UserID
from homeserver.core.timeline import Ordering, Status
from homeserver.store.events import StoredEvent, stored_event_of
from homeserver.store.prepared import Prepared, insert_new
from homeserver.store.schema.events import events as e
from homeserver.store.schema.moderation import member_redactions as t
from homeserver.store.write import Write


@frozen
class MemberRedaction:
    """
    The newest kick or ban of a user that redacts.

    *event_nid*, *event_id*: of the kick or ban.  *since_nid*: of the event since which the user's are redacted.
    """

    user_id: UserID
    event_nid: int
    event_id: EventID
    since_nid: int


@frozen
class Part:
    """
    Some events of a user that are yet to be redacted.

    *upto*: all of the user's up to there are among them; None: up to the end.
    """

    events: list[StoredEvent]
    upto: int | None


_DELETE = Prepared(delete(t).where(t.c.room_nid == bindparam("of_room"), t.c.user_id == bindparam("who")))
_INSERT = insert_new(t)
_OF_USER = Prepared(
    select(t.c.user_id, t.c.event_nid, t.c.event_id, t.c.since_nid).where(
        t.c.room_nid == bindparam("room_nid"), t.c.user_id == bindparam("who")
    )
)
_PLACES = Prepared(
    select(e.c.ordering)
    .where(e.c.room_nid == bindparam("room_nid"), e.c.ordering > bindparam("after"), e.c.ordering < bindparam("before"))
    .order_by(e.c.ordering)
    .offset(bindparam("most"))
    .limit(1)
)
_PLACED = Prepared(
    select(e)
    .where(
        e.c.room_nid == bindparam("room_nid"),
        e.c.ordering > bindparam("after"),
        e.c.ordering < bindparam("before"),
        e.c.sender == bindparam("who"),
        e.c.redacted_by.is_(None),
    )
    .order_by(e.c.ordering)
    .limit(bindparam("most"))
)
_ASIDE = Prepared(
    select(e)
    .where(
        e.c.room_nid == bindparam("room_nid"),
        e.c.ordering.is_(None),
        e.c.nid > bindparam("after"),
        e.c.sender == bindparam("who"),
        e.c.status == int(Status.SOFT_FAILED),
        e.c.redacted_by.is_(None),
    )
    .order_by(e.c.nid)
    .limit(bindparam("most"))
)


def replace(tx: Write, room_nid: int, redaction: MemberRedaction) -> None:
    """It is the newest of its user."""
    tx.run(_DELETE, of_room=room_nid, who=redaction.user_id)
    tx.run(
        _INSERT,
        room_nid=room_nid,
        user_id=redaction.user_id,
        event_nid=redaction.event_nid,
        event_id=redaction.event_id,
        since_nid=redaction.since_nid,
    )


def of_user(tx: Connection, room_nid: int, user_id: UserID) -> MemberRedaction | None:
    """The newest of the user; None: there never was one."""
    row = _OF_USER.first(tx, room_nid=room_nid, who=user_id)
    return None if row is None else MemberRedaction(*tuple(row))


def placed(
    tx: Connection, room_nid: int, user_id: UserID, after: Ordering, before: Ordering, most: int, looked_at: int
) -> Part:
    """At most *most* of the user's events among the next *looked_at* of the room's timeline, between two places."""
    row = _PLACES.first(tx, room_nid=room_nid, after=after, before=before, most=looked_at)
    end = before if row is None else row[0]
    rows = _PLACED.all(tx, room_nid=room_nid, after=after, before=end, who=user_id, most=most)
    found = [stored_event_of(each) for each in rows]
    if len(found) == most:
        return Part(found, found[-1].ordering)
    return Part(found, None if row is None else end - 1)


def aside(tx: Connection, room_nid: int, user_id: UserID, after: int, most: int) -> Part:
    """The next *most* of the user's events that were soft-failed, after the one stored as *after*."""
    rows = _ASIDE.all(tx, room_nid=room_nid, after=after, who=user_id, most=most)
    found = [stored_event_of(row) for row in rows]
    return Part(found, found[-1].nid if len(found) == most else None)
