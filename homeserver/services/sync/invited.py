"""
The rooms that the user is invited to, or has asked to be let into: what their stripped state shows of them.

Spec: client-server-api#stripped-state
"""

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import define

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.client_events import stripped_form
from homeserver.core.events import StateKey
from homeserver.core.identifiers import RoomID
from homeserver.core.log import Position
from homeserver.services.invite_permissions import InvitePermissions
from homeserver.services.known_events import KnownEvents
from homeserver.services.sync.section import SyncBody, SyncSpan
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


@define(eq=False)
class InvitedRooms:
    """Invites and knocks."""

    database: Database
    known: KnownEvents
    permissions: InvitePermissions

    async def write(self, span: SyncSpan, body: SyncBody) -> None:
        """Invites and knocks of the span are in *body*; invites by users that are ignored or not wanted are not."""
        if span.since is not None and not span.full_state and span.rooms.changed_at <= span.since.position:
            return
        for room_id, row in span.rooms.rows.items():
            is_new = row.position > span.after or span.full_state
            if not is_new or not span.filter.room.admits_room(room_id):
                continue
            if row.membership == "invite":
                if row.sender not in span.ignored and await self.permissions.shows(row.user_id, row.sender):
                    await self._show(body, body.invite, "invite_state", row)
            elif row.membership == "knock":
                await self._show(body, body.knock, "knock_state", row)

    async def _show(self, body: SyncBody, part: dict[RoomID, JSONObject], name: str, row: Membership) -> None:
        body.has_news = True
        part[row.room_id] = {name: {"events": await self._stripped(row)}}

    async def _stripped(self, row: Membership) -> list[JSON]:
        if row.stripped_state is not None:
            # What another server sent may hold more than the client should get.
            shown: list[JSON] = [_pruned(event) for event in row.stripped_state]
            return [*shown, *await self._own(row, row.stripped_state)]
        keys = [*SHOWN, ("m.room.member", row.sender), ("m.room.member", row.user_id)]
        found = await self.database.read(windows.entry_ids, row.room_nid, keys, Position(row.position))
        ids = [event_id for event_id in found.values() if event_id is not None]
        events = await self.known.by_ids(ids)
        return [stripped_form(events[event_id].event) for event_id in dict.fromkeys(ids)]

    async def _own(self, row: Membership, stripped: Sequence[Mapping[str, JSON]]) -> list[JSON]:
        """The invite or knock itself, where the stripped state lacks it."""
        if any(e.get("type") == "m.room.member" and e.get("state_key") == row.user_id for e in stripped):
            return []
        event = None
        if row.event_nid is not None:
            event = (await self.known.by_nids((row.event_nid,))).get(row.event_nid)
        if event is not None:
            return [stripped_form(event.event)]
        content: JSONObject = {"membership": row.membership}
        return [{"type": "m.room.member", "sender": row.sender, "state_key": row.user_id, "content": content}]


def _pruned(event: Mapping[str, JSON]) -> JSONObject:
    return {name: event[name] for name in ("content", "sender", "state_key", "type") if name in event}
