"""What is kept for other servers of a room: it goes when the room is deleted."""

from typing import Any, Final

import orjson
from sqlalchemy import Connection, bindparam, or_, select, update

from federation.store.schema import METADATA, outages, outbox_rooms, outbox_transactions
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomID
from homeserver.core.log import Position
from homeserver.core.timeline import Ordering, position_of
from homeserver.store import events, rooms
from homeserver.store.like import ESCAPE, literally
from homeserver.store.prepared import Prepared
from homeserver.store.room_tables import DeletedRoom, RoomTables
from homeserver.store.write import Write

APART: Final[dict[str, str]] = {}
TABLES: Final = RoomTables(METADATA, APART)

_o = outbox_transactions
_NAMED = or_(_o.c.pdus.like(bindparam("named"), escape=ESCAPE), _o.c.edus.like(bindparam("named"), escape=ESCAPE))
_SENDING = Prepared(select(_o.c.destination, _o.c.pdus, _o.c.edus).where(_NAMED))
_REWRITE = Prepared(
    update(_o).where(_o.c.destination == bindparam("to")).values(pdus=bindparam("places"), edus=bindparam("others"))
)
_IS_AWAY = select(outages.c.server_name)
_WAITING = Prepared(
    select(outbox_rooms.c.destination)
    .where(
        outbox_rooms.c.room_id == bindparam("room_id"),
        outbox_rooms.c.destination.not_in(_IS_AWAY),
    )
    .limit(1)
)


def is_told(tx: Connection, room_id: RoomID, read: Position) -> bool:
    """
    Whether every server that answers has what happened in the room, as far as it is to have it.

    *read*: up to where the log was read into the outbox.
    """
    room = rooms.by_id(tx, room_id)
    ends = None if room is None else events.ends(tx, room.nid)
    if ends is None:
        return True
    return read >= position_of(Ordering(ends[1])) and _WAITING.first(tx, room_id=room_id) is None


def delete_of_room(tx: Write, room: DeletedRoom, limit: int) -> int:
    """At most *limit* rows that are kept for the room are deleted, or rewritten without it; says how many."""
    return TABLES.delete_of_room(tx, room, limit) or _rewrite(tx, room.room_id)


def _rewrite(tx: Write, room_id: RoomID) -> int:
    """Transactions under way are tried again without what they said of the room."""
    found = _SENDING.all(tx.connection, named=f'%"{literally(room_id)}"%')
    rewritten = 0
    for destination, pdus, edus in found:
        places = [place for place in orjson.loads(pdus) if place[0] != room_id]
        others = [other for edu in orjson.loads(edus) if (other := _without(edu, room_id)) is not None]
        if places == orjson.loads(pdus) and others == orjson.loads(edus):
            # The room is named by what a user says to a device, not by us.
            continue
        rewritten += 1
        tx.run(_REWRITE, to=destination, places=orjson.dumps(places).decode(), others=orjson.dumps(others).decode())
    return rewritten


def _without(edu: JSONObject, room_id: RoomID) -> JSONObject | None:
    """The EDU without the room's receipts; None when it says nothing else, or who types there."""
    content: Any = edu.get("content")
    if not isinstance(content, dict):
        return edu
    if edu.get("edu_type") == "m.typing" and content.get("room_id") == room_id:
        return None
    if edu.get("edu_type") != "m.receipt" or room_id not in content:
        return edu
    rest = {key: value for key, value in content.items() if key != room_id}
    return {**edu, "content": rest} if rest else None
