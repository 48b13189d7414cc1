"""Rooms as administrators see them, whoever is in them."""

from typing import Final

from attrs import define, frozen

from homeserver.core.auth_events import POWER_LEVELS
from homeserver.core.canonical import JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.identifiers import EventID, RoomID, ServerName, UserID, server_of
from homeserver.core.pages import Page, PageRequest, page_of, paged
from homeserver.core.power_levels import PowerLevels, power_levels_of
from homeserver.core.room_queries import RoomOutline, RoomsQuery
from homeserver.core.timeline import Ordering, TimelineEvent
from homeserver.services.callers import Caller
from homeserver.services.inviting import Inviting
from homeserver.services.joining import Joining
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.refusals import Forbidden, NotFound, NotInRoom
from homeserver.services.timeline import Timeline
from homeserver.store import closed_rooms, events, room_lists, rooms, state
from homeserver.store.database import Database
from homeserver.store.room_heads import NEWEST

ADMIN_LEVEL: Final = 100
MISSING_MAX: Final = 1_000


@frozen
class RoomDetails:
    """A room, and what it says of itself."""

    room: RoomOutline
    topic: str | None = None
    avatar_url: str | None = None
    history_visibility: str | None = None
    guest_access: str | None = None
    federated: bool = True
    """Whether servers other than its creator's may take part."""
    servers: int = 0
    """How many take part."""
    joined: bool = False
    """Whether this server does."""
    forward_extremities: int = 0
    """Events that nothing follows yet; many of them make the room slow."""
    gaps: int = 0
    """Events that are missed in what this server has of the room's history."""
    closed: tuple[str, ...] = ()
    """Why nobody comes in: ``blocked``, ``deleting``."""


@frozen
class RoomMember:
    """What a user is to a room."""

    user_id: UserID
    membership: str
    local: bool
    power_level: int | None = None
    """None: above all others."""


@frozen
class RoomEvent:
    """An event, as this server has it."""

    event_id: EventID
    type: str
    sender: UserID
    origin_server_ts: int
    """When its sender says it was sent."""
    content: JSONObject
    state_key: str | None = None
    redacted_by: EventID | None = None


@frozen
class Extremity:
    """An event that nothing follows yet."""

    event_id: EventID
    depth: int
    type: str | None = None
    sender: UserID | None = None
    received_at: int | None = None
    """Where it is in this server's log."""


@frozen
class Promoted:
    """Who runs a room now."""

    user_id: UserID
    by: UserID
    """The user of this server in whose name it was done."""


@define(eq=False)
class AdministeredRooms:
    """All rooms that this server knows."""

    server: ServerName
    database: Database
    known: KnownEvents
    live_rooms: LiveRooms
    timeline: Timeline
    inviting: Inviting
    joining: Joining

    async def page(self, query: RoomsQuery, wanted: PageRequest) -> Page[RoomOutline]:
        """Rooms that the query finds, in its order.  Raises Malformed."""
        kind = int if query.order_by in room_lists.NUMBERS else str
        key = wanted.key(kind, int)
        after = None if key is None else (key[0], int(key[1]))
        found = await self.database.scan(room_lists.page, query, after, wanted.limit + 1)
        total = await self.database.scan(room_lists.count, query)
        shown = found[: wanted.limit]
        return page_of([room for room, _ in found], total, wanted.limit, shown[-1][1] if shown else None)

    async def details(self, room_id: RoomID) -> RoomDetails:
        """One room.  Raises NotFound."""
        stored, outline = await self._stored(room_id)
        closed = tuple(each.cause for each in await self.database.read(closed_rooms.of_room, room_id))
        room = await self.live_rooms.find(room_id)
        if room is None:
            return RoomDetails(outline, joined=stored.joined, closed=closed)
        said = await self._contents(
            room, "m.room.topic", "m.room.avatar", "m.room.history_visibility", "m.room.guest_access", "m.room.create"
        )
        missing = await self.database.read(room_lists.missing_before, stored.nid, MISSING_MAX)
        return RoomDetails(
            outline,
            _text(said["m.room.topic"].get("topic")),
            _text(said["m.room.avatar"].get("url")),
            _text(said["m.room.history_visibility"].get("history_visibility")),
            _text(said["m.room.guest_access"].get("guest_access")),
            said["m.room.create"].get("m.federate") is not False,
            len(room.servers),
            self.server in room.servers,
            len(room.extremities),
            len(missing),
            closed,
        )

    async def members(self, room_id: RoomID, wanted: PageRequest, membership: str | None = None) -> Page[RoomMember]:
        """Users of all servers that have to do with the room, by name.  Raises NotFound, Malformed."""
        stored, _ = await self._stored(room_id)
        found = await self.database.scan(state.members_as_of, stored.nid, NEWEST)
        room = await self.live_rooms.find(room_id)
        levels = None if room is None else await self._levels(room)
        members = [
            RoomMember(
                user_id,
                one,
                server_of(user_id) == self.server,
                None if levels is None or levels.of(user_id) > 2**53 else int(levels.of(user_id)),
            )
            for user_id, (one, _) in found.items()
            if membership in {None, one}
        ]
        return paged(members, lambda member: member.user_id, wanted)

    async def state(self, room_id: RoomID, wanted: PageRequest) -> Page[RoomEvent]:
        """The current state, by type and key.  Raises NotFound, Malformed."""
        stored, _ = await self._stored(room_id)
        current = await self.database.scan(state.current, stored.nid)
        keys = {f"{kind}\0{key}": event_id for (kind, key), event_id in current.items()}
        chosen = paged(list(keys), lambda key: key, wanted)
        found = await self.known.by_ids([keys[key] for key in chosen.items])
        shown = [_shown(found[keys[key]]) for key in chosen.items if keys[key] in found]
        return Page(shown, chosen.total, chosen.next_token)

    async def messages(self, room_id: RoomID, wanted: PageRequest) -> Page[RoomEvent]:
        """What happened in the room, the newest first, whoever may see it.  Raises NotFound, Malformed."""
        stored, outline = await self._stored(room_id)
        key = wanted.key(int)
        upto = 2**62 if key is None else int(key[0]) - 1
        rows = await self.database.scan(events.latest, stored.nid, -(2**62), upto, wanted.limit + 1)
        entries = await self.known.revive(rows)
        shown = [_shown(entry) for entry in entries]
        kept = entries[: wanted.limit]
        last = None if not kept else (int(kept[-1].ordering or Ordering(0)),)
        return page_of(shown, outline.events, wanted.limit, last)

    async def extremities(self, room_id: RoomID) -> Page[Extremity]:
        """The ends of the room's history, the deepest first.  Raises NotFound."""
        await self._stored(room_id)
        room = await self.live_rooms.find(room_id)
        if room is None:
            return Page([], 0)
        found = await self.known.by_ids(room.extremities)
        shown = [
            Extremity(event_id, depth)
            if (entry := found.get(event_id)) is None
            else Extremity(event_id, depth, entry.event.type, entry.event.sender, entry.nid)
            for event_id, depth in sorted(room.extremities.items(), key=lambda pair: -pair[1])
        ]
        return Page(shown, len(shown))

    async def promote(self, room_id: RoomID, user_id: UserID) -> Promoted:
        """
        The user of this server is in the room, and runs it as far as somebody of this server could make that so.

        Raises NotFound, Forbidden when nobody of this server may.
        """
        if server_of(user_id) != self.server:
            raise Forbidden("Only a user of this server can be made to run a room.")
        await self.inviting.require_accounts([user_id])
        await self._stored(room_id)
        try:
            room = await self.live_rooms.load(room_id)
        except NotInRoom as refusal:
            raise NotFound("Nobody of this server is in that room.") from refusal
        levels = await self._levels(room)
        own = [member for member in room.joined if server_of(member) == self.server]
        needed = levels.required_for("m.room.power_levels", is_state=True)
        leader = max(own, key=levels.of, default=None)
        if leader is None or levels.of(leader) < needed:
            raise Forbidden("Nobody of this server may change who runs this room.")
        if user_id not in room.joined:
            try:
                await self.joining.join(Caller(user_id, None), room_id)
            except Forbidden:
                await self.inviting.invite(leader, room_id, user_id)
                await self.joining.join(Caller(user_id, None), room_id)
        await self._raise(await self.live_rooms.load(room_id), leader, user_id)
        return Promoted(user_id, leader)

    async def _raise(self, room: LiveRoom, leader: UserID, user_id: UserID) -> None:
        levels = await self._levels(room)
        target = min(int(min(levels.of(leader), 2**53)), ADMIN_LEVEL)
        if levels.of(user_id) >= target:
            return
        event_id = room.state.get(POWER_LEVELS)
        entry = None if event_id is None else await self.known.by_id(event_id)
        content: JSONObject = {} if entry is None else dict(entry.event.content)
        users = content.get("users")
        content["users"] = {**(users if isinstance(users, dict) else {}), user_id: target}
        await self.timeline.send(room.room_id, Draft("m.room.power_levels", leader, content, ""))

    async def _stored(self, room_id: RoomID) -> tuple[rooms.Room, RoomOutline]:
        stored = await self.database.read(rooms.by_id, room_id)
        outline = None if stored is None else await self.database.scan(room_lists.outline, stored.nid)
        if stored is None or outline is None:
            raise NotFound("This server does not know that room.")
        return stored, outline

    async def _levels(self, room: LiveRoom) -> PowerLevels:
        keys = [key for key in (("m.room.create", ""), POWER_LEVELS) if key in room.state]
        found = await self.known.by_ids([room.state[key] for key in keys])
        return power_levels_of({entry.event.key: entry.event for entry in found.values()}, room.version)

    async def _contents(self, room: LiveRoom, *kinds: str) -> dict[str, JSONObject]:
        wanted = {kind: room.state[(kind, "")] for kind in kinds if (kind, "") in room.state}
        found = await self.known.by_ids(wanted.values())
        contents: dict[str, JSONObject] = {kind: {} for kind in kinds}
        for kind, event_id in wanted.items():
            if event_id in found:
                contents[kind] = dict(found[event_id].event.content)
        return contents


def _shown(entry: TimelineEvent) -> RoomEvent:
    event = entry.event
    return RoomEvent(
        event.event_id,
        event.type,
        event.sender,
        event.origin_server_ts,
        dict(event.content),
        event.state_key,
        entry.redacted_by,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
