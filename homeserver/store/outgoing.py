"""Events that this server is the one to tell others of: its own users', and those that entered rooms through it."""

from typing import Final

from attrs import frozen
from sqlalchemy import Connection, bindparam, select

from homeserver.core.identifiers import RoomID, ServerName, UserID, server_of
from homeserver.core.log import RELAY, Position
from homeserver.core.timeline import Status
from homeserver.store.prepared import Prepared
from homeserver.store.schema.events import events as e
from homeserver.store.schema.log import log
from homeserver.store.schema.rooms import rooms
from homeserver.store.state import MEMBER

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
_BETWEEN = Prepared(
    _LIVE.add_columns(e.c.room_nid, rooms.c.room_id, e.c.type, e.c.state_key).join(rooms, rooms.c.nid == e.c.room_nid)
)
_IN_ROOM = Prepared(
    _LIVE.where(
        e.c.room_nid == select(rooms.c.nid).where(rooms.c.room_id == bindparam("room_id")).scalar_subquery()
    ).limit(bindparam("limit"))
)
_RELAYED = Prepared(
    select(log.c.ref, log.c.subject).where(
        log.c.position > bindparam("after"), log.c.position <= bindparam("upto"), log.c.kind == RELAY
    )
)
ROWS_AT_ONCE: Final = 500
RELAY_LAG: Final = 64
"""The log says that an event is relayed within so many positions after the event itself."""


@frozen
class OutgoingPlace:
    """
    An event to tell others of, without what it says.

    *room*: the room's nid and ID.  *is_for_others*: it may be for another server, whoever is in the room.
    """

    position: Position
    room: tuple[int, RoomID]
    is_for_others: bool


def between(tx: Connection, server: ServerName, after: Position, upto: Position) -> list[OutgoingPlace]:
    """Those that entered at positions in ``(after, upto]``, in that order."""
    relayed = {nid for nid, _ in _RELAYED.all(tx, after=after, upto=upto)}
    found = _BETWEEN.all(tx, after=after, upto=upto)
    # What is relayed may have entered before.
    earlier = relayed - {row[0] for row in found}
    places = [
        OutgoingPlace(Position(nid), (room_nid, RoomID(room_id)), nid in relayed or _is_of_another(kind, key, server))
        for nid, sender, room_nid, room_id, kind, key in found
        if nid in relayed or _is_of(sender, server)
    ]
    places += [OutgoingPlace(Position(nid), (0, RoomID("")), True) for nid in earlier]
    return sorted(places, key=lambda place: place.position)


def in_room(
    tx: Connection, server: ServerName, room_id: RoomID, first: Position, last: Position, limit: int
) -> list[int]:
    """The first *limit* of those of one room at positions in ``[first, last]``."""
    own: list[int] = []
    after = first - 1
    while len(own) < limit:
        rows = _IN_ROOM.all(tx, after=after, upto=last, room_id=room_id, limit=ROWS_AT_ONCE)
        own += [nid for nid, sender in rows if _is_of(sender, server)]
        if len(rows) < ROWS_AT_ONCE:
            break
        after = rows[-1][0]
    upto = own[limit - 1] if len(own) >= limit else last
    relayed = [
        nid
        for nid, subject in _RELAYED.all(tx, after=first - 1, upto=upto + RELAY_LAG)
        if subject == room_id and first <= nid <= upto
    ]
    return sorted({*own, *relayed})[:limit]


def _is_of_another(kind: str, key: str | None, server: ServerName) -> bool:
    """Whether it is the membership of a user of another server."""
    return kind == MEMBER and key is not None and not key.endswith(f":{server}")


def _is_of(sender: str, server: ServerName) -> bool:
    return server_of(UserID(sender)) == server
