"""Which servers had users in a room, at a point of the log."""

from collections import Counter
from collections.abc import Sequence

from attrs import frozen
from sqlalchemy import Connection, bindparam, select

from homeserver.core.identifiers import RoomID, ServerName, UserID, server_of
from homeserver.core.log import Position
from homeserver.store import log, state
from homeserver.store import rooms as stored_rooms
from homeserver.store.prepared import Prepared
from homeserver.store.room_heads import NEWEST
from homeserver.store.schema.rooms import rooms

_GENERATION = Prepared(select(rooms.c.generation).where(rooms.c.nid == bindparam("room_nid")))


@frozen
class MemberChanges:
    """
    Who came or went since a position.

    *generation*: the room's, as of the newest of them.  *joined_before*: for each of them, whether they were joined.
    """

    generation: int
    joined_before: dict[UserID, bool]


def changes_since(tx: Connection, room_nid: int, position: Position) -> MemberChanges:
    """The users whose membership changed after *position*."""
    changed = [UserID(key) for (kind, key) in state.difference(tx, room_nid, position, NEWEST) if kind == state.MEMBER]
    before = {user_id: state.membership_as_of(tx, room_nid, user_id, position) == "join" for user_id in changed}
    return MemberChanges(int(_GENERATION.scalar(tx, room_nid=room_nid)), before)


def as_of(tx: Connection, room_nid: int, position: Position) -> set[ServerName]:
    """The servers with joined users after *position*."""
    members = state.members_as_of(tx, room_nid, position)
    return {server_of(user_id) for user_id, (membership, _) in members.items() if membership == "join"}


@frozen
class ServerMoves:
    """
    Which other servers were in a room after a position, and when any came or went after that.

    *upto*: the head of the log.  *moves*: {position: (those who came, those who went)}, in order.
    """

    servers: frozenset[ServerName]
    moves: dict[Position, tuple[set[ServerName], set[ServerName]]]
    upto: Position


def moves_since(tx: Connection, room_nid: int, position: Position, besides: ServerName) -> ServerMoves:
    """The servers in the room after *position* but *besides*, and all that came or went since."""
    members = state.members_as_of(tx, room_nid, position).items()
    joined = {user for user, (membership, _) in members if membership == "join" and server_of(user) != besides}
    counts = Counter(map(server_of, joined))
    first = frozenset(counts)
    moves: dict[Position, tuple[set[ServerName], set[ServerName]]] = {}
    for at, user_id, membership in state.member_changes(tx, room_nid, position):
        server = server_of(user_id)
        if server == besides or (membership == "join") == (user_id in joined):
            continue
        if membership == "join":
            joined.add(user_id)
            counts[server] += 1
            if counts[server] == 1:
                moves.setdefault(at, (set(), set()))[0].add(server)
        else:
            joined.remove(user_id)
            counts[server] -= 1
            if not counts[server]:
                moves.setdefault(at, (set(), set()))[1].add(server)
    return ServerMoves(first, moves, log.head(tx))


def of_rooms(tx: Connection, room_ids: Sequence[RoomID]) -> dict[RoomID, tuple[int, set[ServerName]]]:
    """{room: (nid, servers with joined users)} of those of the rooms that are known."""
    return {
        room.room_id: (room.nid, {server_of(user_id) for user_id in state.joined(tx, room.nid)})
        for room in stored_rooms.by_ids(tx, list(room_ids)).values()
    }
