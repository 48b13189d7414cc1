"""Threads that users have subscribed to, or unsubscribed from.  Spec: proposals/4306"""

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, func, select

from homeserver.core.identifiers import EventID, UserID
from homeserver.core.log import Position
from homeserver.core.thread_subscriptions import Subscription
from homeserver.store.prepared import Prepared, upsert
from homeserver.store.schema.rooms import rooms
from homeserver.store.schema.threads import thread_subscriptions as t
from homeserver.store.write import Write

_OWN = t.c.user_id == bindparam("who")
_ONE = (_OWN, t.c.room_nid == bindparam("where"), t.c.thread_id == bindparam("thread"))
_STATE = Prepared(select(t.c.subscribed, t.c.automatic, t.c.position).where(*_ONE))
_OF_USER = Prepared(select(t.c.room_nid, t.c.thread_id, t.c.subscribed).where(_OWN))
_COUNT = Prepared(select(func.count()).select_from(t).where(_OWN))
_BETWEEN = Prepared(
    select(rooms.c.room_id, t.c.thread_id, t.c.subscribed, t.c.automatic, t.c.position)
    .select_from(t.join(rooms, rooms.c.nid == t.c.room_nid))
    .where(_OWN, t.c.position > bindparam("after"), t.c.position <= bindparam("upto"))
    .order_by(t.c.position.desc())
    .limit(bindparam("limit"))
)
_REPLACE = upsert(t)
_DELETE_OF_USER = Prepared(delete(t).where(_OWN))


@frozen
class SubscriptionState:
    """What a user last said of one thread, and where in the log."""

    subscribed: bool
    automatic: bool
    position: Position


def state(tx: Connection, user_id: UserID, room_nid: int, thread_id: EventID) -> SubscriptionState | None:
    """What the user last said of the thread; None: nothing."""
    row = _STATE.first(tx, who=user_id, where=room_nid, thread=thread_id)
    return None if row is None else SubscriptionState(bool(row[0]), bool(row[1]), Position(row[2]))


def replace(tx: Write, user_id: UserID, room_nid: int, thread_id: EventID, said: SubscriptionState) -> None:
    """This is what the user last said of the thread."""
    tx.run(
        _REPLACE,
        user_id=user_id,
        room_nid=room_nid,
        thread_id=thread_id,
        subscribed=said.subscribed,
        automatic=said.automatic,
        position=said.position,
    )


def of_user(tx: Connection, user_id: UserID) -> dict[int, set[str]] | None:
    """{room nid: the threads that the user has subscribed to}; None: the user never said anything of any thread."""
    rows = _OF_USER.all(tx, who=user_id)
    if not rows:
        return None
    found: dict[int, set[str]] = {}
    for room_nid, thread_id, subscribed in rows:
        if subscribed:
            found.setdefault(room_nid, set()).add(thread_id)
    return found


def count(tx: Connection, user_id: UserID) -> int:
    """Of how many threads the user has said something."""
    return int(_COUNT.scalar(tx, who=user_id))


def between(tx: Connection, user_id: UserID, after: Position, upto: Position, limit: int) -> list[Subscription]:
    """The last *limit* changes at positions in ``(after, upto]``, newest first."""
    rows = _BETWEEN.all(tx, who=user_id, after=after, upto=upto, limit=limit)
    return [Subscription(room, thread, bool(on), bool(auto), position) for room, thread, on, auto, position in rows]


def delete_of_user(tx: Write, user_id: UserID) -> None:
    """The user said nothing of any thread."""
    tx.run(_DELETE_OF_USER, who=user_id)
