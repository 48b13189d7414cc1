"""
The rooms of local users: one row for each user and room the user ever had to do with.

Who of all servers is in a room says ``state``.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import frozen
from sqlalchemy import Connection, Select, bindparam, delete, or_, select, update

from homeserver.core.canonical import JSONObject, encode_json, load_json
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import Position
from homeserver.store.prepared import Prepared, PreparedIn, Row, upsert
from homeserver.store.schema.rooms import memberships as m
from homeserver.store.schema.rooms import rooms
from homeserver.store.write import Write


@frozen
class Membership:
    """What a local user is to a room."""

    user_id: UserID
    room_nid: int
    room_id: RoomID
    membership: str
    position: Position
    """Where the change is in the log."""
    event_nid: int | None
    """None: the event is not here (a room that only others have)."""
    sender: UserID
    forgotten: bool
    stripped_state: Sequence[JSONObject] | None
    """What an invite showed of the room, or a knock's answer."""


def _select() -> Select[tuple[Any, ...]]:
    columns = (
        m.c.user_id,
        m.c.room_nid,
        rooms.c.room_id,
        m.c.membership,
        m.c.position,
        m.c.event_nid,
        m.c.sender,
        m.c.forgotten,
        m.c.stripped_state,
    )
    return select(*columns).select_from(m.join(rooms, rooms.c.nid == m.c.room_nid))


_REPLACE = upsert(m)
_OF_USER = Prepared(_select().where(m.c.user_id == bindparam("user_id")))
_OF_USER_IN = PreparedIn(lambda nids: _select().where(m.c.user_id == bindparam("user_id"), m.c.room_nid.in_(nids)))
_OF_USERS = PreparedIn(lambda users: _select().where(m.c.room_nid == bindparam("room_nid"), m.c.user_id.in_(users)))
_JOINED = Prepared(select(m.c.user_id).where(m.c.room_nid == bindparam("room_nid"), m.c.membership == "join"))
_LOCAL = Prepared(_select().where(m.c.room_nid == bindparam("room_nid")))
_PRESENT_AFTER = Prepared(
    select(m.c.user_id, m.c.membership)
    .where(
        m.c.room_nid == bindparam("room_nid"),
        m.c.membership.in_(("join", "invite", "knock")),
        m.c.user_id > bindparam("after"),
    )
    .order_by(m.c.user_id)
    .limit(bindparam("limit"))
)
_COUNT = Prepared(select(m.c.membership).where(m.c.user_id == bindparam("user_id"), m.c.membership == "join"))
_FORGET = Prepared(
    update(m)
    .where(
        m.c.user_id == bindparam("who"),
        m.c.room_nid == bindparam("where"),
        or_(m.c.membership == "leave", m.c.membership == "ban"),
    )
    .values(forgotten=True, stripped_state=None)
)
_DELETE = Prepared(delete(m).where(m.c.user_id == bindparam("who"), m.c.room_nid == bindparam("where")))


def replace(
    tx: Write,
    *,
    user_id: UserID,
    room_nid: int,
    membership: str,
    position: Position,
    event_nid: int | None,
    sender: UserID,
    stripped_state: Sequence[JSONObject] | None = None,
) -> None:
    """From *position* on this is what the local user is to the room; what was forgotten is so no more."""
    tx.run(
        _REPLACE,
        user_id=user_id,
        room_nid=room_nid,
        membership=membership,
        position=position,
        event_nid=event_nid,
        sender=sender,
        forgotten=False,
        stripped_state=None if stripped_state is None else encode_json(list(stripped_state)).decode(),
    )


def forget(tx: Write, user_id: UserID, room_nid: int) -> bool:
    """Whether the user had left the room; then it has forgotten it.  Spec: client-server-api#leaving-rooms"""
    return tx.run(_FORGET, who=user_id, where=room_nid) == 1


def remove(tx: Write, user_id: UserID, room_nid: int) -> None:
    """The user never had to do with the room, as far as this server remembers."""
    tx.run(_DELETE, who=user_id, where=room_nid)


def of_user(tx: Connection, user_id: UserID) -> list[Membership]:
    """All rooms the user has to do with, forgotten ones among them."""
    return [_membership(row) for row in _OF_USER.all(tx, user_id=user_id)]


def of_user_in(tx: Connection, user_id: UserID, room_nids: Iterable[int]) -> list[Membership]:
    """Those of the rooms that the user has to do with."""
    return [_membership(row) for row in _OF_USER_IN.all(tx, room_nids, user_id=user_id)]


def of_users(tx: Connection, room_nid: int, user_ids: Iterable[UserID]) -> list[Membership]:
    """Those of the users that have to do with the room."""
    return [_membership(row) for row in _OF_USERS.all(tx, user_ids, room_nid=room_nid)]


def of_room(tx: Connection, room_nid: int) -> list[Membership]:
    """All local users that have to do with the room."""
    return [_membership(row) for row in _LOCAL.all(tx, room_nid=room_nid)]


def joined(tx: Connection, room_nid: int) -> list[UserID]:
    """The local users that are joined to the room."""
    return [row[0] for row in _JOINED.all(tx, room_nid=room_nid)]


def present_after(tx: Connection, room_nid: int, after: str, limit: int) -> list[tuple[UserID, str]]:
    """The first *limit* local users after a name that are joined, invited or knocking; with what they are."""
    return [(row[0], row[1]) for row in _PRESENT_AFTER.all(tx, room_nid=room_nid, after=after, limit=limit)]


def joined_count(tx: Connection, user_id: UserID) -> int:
    """How many rooms the user is joined to."""
    return len(_COUNT.all(tx, user_id=user_id))


def _membership(row: Row) -> Membership:
    user_id, room_nid, room_id, membership, position, event_nid, sender, forgotten, stripped = row
    return Membership(
        user_id,
        room_nid,
        room_id,
        membership,
        position,
        event_nid,
        sender,
        forgotten,
        None if stripped is None else load_json(stripped),
    )
