"""Events that this server is the one to tell others of: its own users', and those that entered rooms through it."""

from sqlalchemy import Connection, bindparam, select

from homeserver.core.identifiers import RoomID, ServerName, UserID, server_of
from homeserver.core.log import RELAY, Position
from homeserver.core.timeline import Status
from homeserver.store.prepared import Prepared
from homeserver.store.schema.events import events as e
from homeserver.store.schema.log import log
from homeserver.store.schema.rooms import rooms

_LIVE = (
    select(e.c.nid, e.c.sender)
    .where(
        e.c.nid > bindparam("after"),
        e.c.nid <= bindparam("upto"),
        e.c.status == int(Status.ACCEPTED),
        e.c.ordering.is_not(None),
    )
    .order_by(e.c.nid)
)
_BETWEEN = Prepared(_LIVE)
_IN_ROOM = Prepared(
    _LIVE.where(e.c.room_nid == select(rooms.c.nid).where(rooms.c.room_id == bindparam("room_id")).scalar_subquery())
)
_RELAYED = Prepared(
    select(log.c.ref, log.c.subject).where(
        log.c.position > bindparam("after"), log.c.position <= bindparam("upto"), log.c.kind == RELAY
    )
)
RELAY_LAG = 64
"""The log says that an event is relayed within so many positions after the event itself."""


def between(tx: Connection, server: ServerName, after: Position, upto: Position) -> list[int]:
    """The nids of those that entered at positions in ``(after, upto]``, in that order."""
    own = [nid for nid, sender in _BETWEEN.all(tx, after=after, upto=upto) if _is_of(sender, server)]
    relayed = [nid for nid, _ in _RELAYED.all(tx, after=after, upto=upto)]
    return sorted({*own, *relayed})


def in_room(
    tx: Connection, server: ServerName, room_id: RoomID, first: Position, last: Position, limit: int
) -> list[int]:
    """The first *limit* of those of one room at positions in ``[first, last]``."""
    found = _IN_ROOM.all(tx, after=first - 1, upto=last, room_id=room_id)
    own = [nid for nid, sender in found if _is_of(sender, server)]
    relayed = [
        nid
        for nid, subject in _RELAYED.all(tx, after=first - 1, upto=last + RELAY_LAG)
        if subject == room_id and first <= nid <= last
    ]
    return sorted({*own, *relayed})[:limit]


def _is_of(sender: str, server: ServerName) -> bool:
    return server_of(UserID(sender)) == server
