"""How users, of this server and others, moved through rooms."""

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, select

from e2ee.core.sharing import Move
from homeserver.core.identifiers import ServerName, UserID, server_of
from homeserver.core.log import Position
from homeserver.store import rooms, state
from homeserver.store.prepared import Prepared
from homeserver.store.schema.rooms import memberships as m
from homeserver.store.schema.rooms import state_changes as c
from homeserver.store.state import MEMBER

_MOVES = Prepared(
    select(c.c.position, c.c.room_nid, c.c.membership)
    .where(c.c.type == MEMBER, c.c.state_key == bindparam("who"))
    .order_by(c.c.room_nid, c.c.position)
)
_MOVERS = Prepared(
    select(c.c.state_key)
    .distinct()
    .where(
        c.c.room_nid == bindparam("room_nid"),
        c.c.position > bindparam("after"),
        c.c.position <= bindparam("upto"),
        c.c.type == MEMBER,
    )
)
_LOCALS = Prepared(select(m.c.user_id).where(m.c.room_nid == bindparam("room_nid"), m.c.membership == "join").limit(1))


def of_user(tx: Connection, user_id: UserID) -> tuple[Move, ...]:
    """All the user's moves, each room's oldest first."""
    rows = _MOVES.all(tx, who=user_id)
    return tuple(Move(Position(position), nid, membership == "join") for position, nid, membership in rows)


def movers(tx: Connection, room_nids: Iterable[int], after: Position, upto: Position) -> set[UserID]:
    """The users whose membership in one of the rooms changed at positions in ``(after, upto]``."""
    return {UserID(row[0]) for nid in room_nids for row in _MOVERS.all(tx, room_nid=nid, after=after, upto=upto)}


def members(tx: Connection, room_nid: int, position: Position, *, unencrypted_max: int) -> set[UserID]:
    """
    The users joined to the room after *position*; none when they are more than *unencrypted_max* and nothing is
    encrypted there.
    """
    found = state.members_as_of(tx, room_nid, position)
    joined = {user_id for user_id, (membership, _) in found.items() if membership == "join"}
    if len(joined) > unencrypted_max:
        key = ("m.room.encryption", "")
        if state.entry_as_of(tx, room_nid, key, position) is None:
            return set()
    return joined


def without_members(tx: Connection, user_ids: set[UserID], room_nids: Iterable[int]) -> set[UserID]:
    """Those of the users that are joined to none of the rooms."""
    left = set(user_ids)
    for nid in room_nids:
        if not left:
            break
        left -= state.joined(tx, nid)
    return left


def has_locals(tx: Connection, room_nid: int) -> bool:
    """Whether a user of this server is joined to the room."""
    return _LOCALS.first(tx, room_nid=room_nid) is not None


def shares_with_locals(tx: Connection, user_id: UserID) -> bool:
    """Whether the user is joined to a room that a user of this server is joined to."""
    joined = [nid for nid, membership in state.rooms_of(tx, user_id).items() if membership == "join"]
    return any(has_locals(tx, nid) for nid in joined)


def servers_of(tx: Connection, room_nids: Iterable[int]) -> set[ServerName]:
    """The servers with users joined to any of the rooms."""
    return {server_of(user_id) for nid in room_nids for user_id in state.joined(tx, nid)}


def joined_rooms(tx: Connection, user_id: UserID) -> dict[int, str]:
    """{nid: room ID} of the rooms that the user is joined to."""
    joined = [nid for nid, membership in state.rooms_of(tx, user_id).items() if membership == "join"]
    return {nid: room.room_id for nid, room in rooms.by_nids(tx, joined).items()}
