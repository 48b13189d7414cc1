"""What this server shows of its rooms to who is not in them."""

from attrs import define

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import RoomID
from homeserver.core.restricted_joins import allowed_rooms
from homeserver.core.room_outlines import RESTRICTED, SPACE, SPACE_CHILD, RoomOutline, child_of, in_order
from homeserver.services.known_events import KnownEvents
from homeserver.services.memberships import Memberships
from homeserver.store import outlined_rooms, state
from homeserver.store.database import Database
from homeserver.store.room_summaries import RoomSummary


@define(eq=False)
class RoomOutlines:
    """Outlines of the rooms that users of this server are in; of others it knows nothing that is sure."""

    database: Database
    known: KnownEvents
    memberships: Memberships

    async def of(self, room_id: RoomID) -> RoomOutline | None:
        """The room, and of a space its children; None when nobody here is in such a room."""
        found = await self.database.read(outlined_rooms.by_id, room_id)
        if found is None or not await self.memberships.local_members(found.summary.room_nid):
            return None
        summary = found.summary
        shown = _shown(summary, found.version)
        if summary.join_rule in RESTRICTED and found.join_rules_nid is not None:
            entry = (await self.known.by_nids((found.join_rules_nid,)))[found.join_rules_nid]
            shown["allowed_room_ids"] = [*allowed_rooms(entry.event.content)]
        if summary.room_type != SPACE:
            return RoomOutline(room_id, shown)
        nids = await self.database.scan(state.of_type_as_of, summary.room_nid, SPACE_CHILD, state.NOW)
        events = await self.known.by_nids(nids.values())
        children = (child_of(entry.event) for entry in events.values())
        return RoomOutline(room_id, shown, in_order(child for child in children if child is not None))


def _shown(room: RoomSummary, version: str) -> JSONObject:
    texts: dict[str, JSON] = {
        "name": room.name,
        "topic": room.topic,
        "canonical_alias": room.canonical_alias if (room.canonical_alias or "").startswith("#") else None,
        "avatar_url": room.avatar_url if (room.avatar_url or "").startswith("mxc://") else None,
        "room_type": room.room_type,
        "encryption": room.encryption,
    }
    return {
        "room_id": room.room_id,
        "num_joined_members": room.joined_members,
        "join_rule": room.join_rule,
        "guest_can_join": room.guest_can_join,
        "world_readable": room.world_readable,
        "room_version": version,
        **{name: text for name, text in texts.items() if text is not None},
    }
