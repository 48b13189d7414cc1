"""
What a room shows of itself to those who are not in it yet.

Spec: client-server-api#stripped-state
"""

from collections.abc import Mapping, Sequence
from typing import Final

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.client_events import stripped_form
from homeserver.core.events import StateKey
from homeserver.core.log import Position
from homeserver.services.known_events import KnownEvents
from homeserver.store import windows
from homeserver.store.database import Database
from homeserver.store.memberships import Membership

SHOWN: Final[tuple[StateKey, ...]] = (
    ("m.room.create", ""),
    ("m.room.join_rules", ""),
    ("m.room.name", ""),
    ("m.room.avatar", ""),
    ("m.room.topic", ""),
    ("m.room.canonical_alias", ""),
    ("m.room.encryption", ""),
)
"""What a room shows of itself to who is not in it yet."""


async def stripped_state(database: Database, known: KnownEvents, row: Membership) -> list[JSON]:
    """What the user of *row*, an invite or a knock, is shown of the room."""
    if row.stripped_state is not None:
        # What another server sent may hold more than the client should get.
        shown: list[JSON] = [_pruned(event) for event in row.stripped_state]
        return [*shown, *await _own(known, row, row.stripped_state)]
    keys = [*SHOWN, ("m.room.member", row.sender), ("m.room.member", row.user_id)]
    found = await database.read(windows.entry_ids, row.room_nid, keys, Position(row.position))
    ids = [event_id for event_id in found.values() if event_id is not None]
    events = await known.by_ids(ids)
    return [stripped_form(events[event_id].event) for event_id in dict.fromkeys(ids)]


async def _own(known: KnownEvents, row: Membership, stripped: Sequence[Mapping[str, JSON]]) -> list[JSON]:
    """The invite or knock itself, where the stripped state lacks it."""
    if any(e.get("type") == "m.room.member" and e.get("state_key") == row.user_id for e in stripped):
        return []
    event = None
    if row.event_nid is not None:
        event = (await known.by_nids((row.event_nid,))).get(row.event_nid)
    if event is not None:
        return [stripped_form(event.event)]
    content: JSONObject = {"membership": row.membership}
    return [{"type": "m.room.member", "sender": row.sender, "state_key": row.user_id, "content": content}]


def _pruned(event: Mapping[str, JSON]) -> JSONObject:
    return {name: event[name] for name in ("content", "sender", "state_key", "type") if name in event}
