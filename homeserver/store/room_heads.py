"""The head of a room: all that deciding about its next event takes, read at once."""

from typing import Final

from attrs import frozen
from sqlalchemy import Connection

from homeserver.core.events import StateKey
from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.core.log import Position
from homeserver.store import events, rooms, state

NEWEST: Final = Position(2**62)
"""A position past all others: the state as of it is the current one."""


@frozen
class RoomHead:
    """A room that this server has events of; *extremities* with their depths."""

    nid: int
    room_id: RoomID
    version: str
    generation: int
    extremities: dict[EventID, int]
    state: dict[StateKey, EventID]
    joined: set[UserID]


def by_id(tx: Connection, room_id: RoomID) -> RoomHead | None:
    """The head of the room; None when this server has nothing of it but, say, an invite."""
    room = rooms.by_id(tx, room_id)
    if room is None or room.version is None or not room.forward_extremities:
        return None
    current = state.state_as_of(tx, room.nid, NEWEST)
    ids = events.ids_of(tx, current.values())
    extremities = events.by_ids(tx, room.forward_extremities)
    members = state.members_as_of(tx, room.nid, NEWEST)
    return RoomHead(
        room.nid,
        room.room_id,
        room.version,
        room.generation,
        {event_id: extremities[event_id].depth for event_id in room.forward_extremities},
        {key: ids[nid] for key, nid in current.items()},
        {user_id for user_id, (membership, _) in members.items() if membership == "join"},
    )
