"""
How many events notify a user that come after its receipt, as counted up to some event.

Nothing is written for each message and reader: who asks evaluates the push rules on the events after ``upto`` and adds;
what was counted is put down now and then, one row for each user, room and thread.
"""

from collections.abc import Iterable

from attrs import frozen
from sqlalchemy import Connection, bindparam, select
from sqlalchemy import delete as delete_from

from homeserver.core.identifiers import UserID
from homeserver.core.timeline import Ordering
from homeserver.store.prepared import Prepared, PreparedIn, upsert
from homeserver.store.schema.accounts import unread as u
from homeserver.store.write import Write


@frozen
class StoredCount:
    """The events of one thread that notify, after the user's receipt and up to *upto*."""

    user_id: UserID
    room_nid: int
    thread_id: str
    """Empty: the main timeline."""
    upto: Ordering
    notify: int
    highlight: int


_REPLACE = upsert(u)
_OF_USER_IN = PreparedIn(lambda nids: select(*u.c).where(u.c.user_id == bindparam("user_id"), u.c.room_nid.in_(nids)))
_DELETE = Prepared(delete_from(u).where(u.c.user_id == bindparam("who"), u.c.room_nid == bindparam("where")))
_DELETE_OF_USER = Prepared(delete_from(u).where(u.c.user_id == bindparam("who")))
_DELETE_OF_ROOM = Prepared(delete_from(u).where(u.c.room_nid == bindparam("where")))
_DELETE_THREAD = Prepared(
    delete_from(u).where(
        u.c.user_id == bindparam("who"), u.c.room_nid == bindparam("where"), u.c.thread_id == bindparam("thread")
    )
)


def replace(tx: Write, count: StoredCount) -> None:
    """So many were counted."""
    tx.run(
        _REPLACE,
        user_id=count.user_id,
        room_nid=count.room_nid,
        thread_id=count.thread_id,
        upto_ordering=count.upto,
        notify_count=count.notify,
        highlight_count=count.highlight,
    )


def delete(tx: Write, user_id: UserID, room_nid: int, thread_id: str | None = None) -> None:
    """Nothing is counted (a receipt moved, or a subscription): in one thread, or in the whole room (None)."""
    if thread_id is None:
        tx.run(_DELETE, who=user_id, where=room_nid)
    else:
        tx.run(_DELETE_THREAD, who=user_id, where=room_nid, thread=thread_id)


def delete_of_user(tx: Write, user_id: UserID) -> None:
    """Nothing is counted for the user in any room (other events notify them now)."""
    tx.run(_DELETE_OF_USER, who=user_id)


def delete_of_room(tx: Write, room_nid: int) -> None:
    """Nothing is counted in the room for anybody (of what was, some is gone)."""
    tx.run(_DELETE_OF_ROOM, where=room_nid)


def of_user_in(tx: Connection, user_id: UserID, room_nids: Iterable[int]) -> list[StoredCount]:
    """What was counted for the user in these rooms."""
    return [StoredCount(*row) for row in _OF_USER_IN.all(tx, room_nids, user_id=user_id)]
