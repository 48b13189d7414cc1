"""What the tables say of a room to who is not in it."""

from attrs import frozen
from sqlalchemy import Connection

from homeserver.core.auth_events import JOIN_RULES
from homeserver.core.identifiers import RoomID
from homeserver.core.room_outlines import RESTRICTED
from homeserver.store import room_summaries, rooms, state
from homeserver.store.room_summaries import RoomSummary


@frozen
class OutlinedRoom:
    """*join_rules_nid*: the event that names the rooms whose members may join, where the rule is such a one."""

    summary: RoomSummary
    version: str
    join_rules_nid: int | None


def by_id(tx: Connection, room_id: RoomID) -> OutlinedRoom | None:
    """The room; None when its state is not here, or it is blocked."""
    room = rooms.by_id(tx, room_id)
    if room is None or room.version is None or room.blocked:
        return None
    summary = room_summaries.by_nids(tx, (room.nid,)).get(room.nid)
    if summary is None:
        return None
    restricted = summary.join_rule in RESTRICTED
    nid = state.entry_as_of(tx, room.nid, JOIN_RULES, state.NOW) if restricted else None
    return OutlinedRoom(summary, room.version, nid)
