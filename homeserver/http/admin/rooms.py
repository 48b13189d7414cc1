"""Rooms, whoever is in them."""

from typing import Annotated, Final, Literal, TypeAlias

from attrs import frozen

from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.core.malformed import Malformed
from homeserver.core.pages import LIMIT_DEFAULT, Page, PageRequest, page_of
from homeserver.core.room_queries import RoomOrder, RoomOutline, RoomsQuery
from homeserver.http.admin.rows import PAGE, Limit, Token, admin
from homeserver.http.replies import Empty
from homeserver.http.rows import Query
from homeserver.services.administration.rooms import (
    AdministeredRooms,
    Extremity,
    Promoted,
    RoomDetails,
    RoomEvent,
    RoomMember,
)
from homeserver.services.callers import Caller
from homeserver.services.jobs.shown import ShownJob, shown_job
from homeserver.services.room_removal.closed_rooms import ClosedRooms
from homeserver.services.room_removal.deletion import DeletionRequest, RoomDeletion
from homeserver.services.room_removal.evicting import Refuge
from homeserver.services.room_removal.history import HistoryPurge, HistoryRequest

Direction: TypeAlias = Literal["ascending", "descending"]
Membership: TypeAlias = Literal["join", "invite", "knock", "leave", "ban"]
SEARCH_CHARACTERS_MAX: Final = 256
TEXT_CHARACTERS_MAX: Final = 2_000
REFUGE_NAME: Final = "Moved by the administrators"
REFUGE_MESSAGE: Final = "The room that you were in was deleted from this server."


def parse_search(text: str) -> str:
    """What rooms are searched for.  Raises Malformed."""
    if not text or len(text) > SEARCH_CHARACTERS_MAX or "\0" in text:
        raise Malformed(f"A search has 1 to {SEARCH_CHARACTERS_MAX} characters.", code="M_INVALID_PARAM")
    return text


Search: TypeAlias = Annotated[str, parse_search]


@frozen
class DeletionBody:
    """How a room is deleted."""

    purge: bool = True
    """Whether nothing of it stays in the database; otherwise the users of this server leave it, and that is all."""
    block: bool = False
    """Whether nobody of this server comes into it again."""
    reason: str | None = None
    """What is said when its members leave."""
    new_room_user_id: UserID | None = None
    """A user of this server who makes a room that the members are brought to; left out: there is none."""
    new_room_name: str = REFUGE_NAME
    """What that room is called."""
    message: str = REFUGE_MESSAGE
    """What is said in it."""


@frozen
class HistoryBody:
    """Which history is deleted: say one of the two."""

    before_ms: int | None = None
    """Messages sent before then, in milliseconds since 1970."""
    before_event: EventID | None = None
    """Messages that came before this event."""


@frozen
class BlockBody:
    """Why a room is blocked."""

    reason: str | None = None
    """For other administrators."""


@frozen
class PromotionBody:
    """Who is to run a room."""

    user_id: UserID
    """A user of this server; they are brought into the room where that is possible."""


@frozen
class BlockedRoom:
    """A room that nobody of this server comes into."""

    room_id: RoomID
    since_ms: int
    closed_by: UserID | None = None
    reason: str | None = None


_QUERY: Final = (
    *PAGE,
    Query("search", about="Part of a name, an alias or a room ID."),
    Query("public", "boolean", about="Only rooms of the directory; or with false, only others."),
    Query("encrypted", "boolean", about="Only encrypted rooms; or others."),
    Query("space", "boolean", about="Only spaces; or others."),
    Query("blocked", "boolean", about="Only blocked rooms; or others."),
    Query("empty", "boolean", about="Only rooms that no user of this server is in; or others."),
    Query("order_by", about="What the rooms are ordered by."),
    Query("direction", about="Which end of the order comes first."),
)


@frozen
class RoomEndpoints:
    """Rooms."""

    rooms: AdministeredRooms
    deletion: RoomDeletion
    history: HistoryPurge
    closed: ClosedRooms

    @admin("listRooms", "GET", "/rooms", "rooms list", query=_QUERY)
    async def list_rooms(
        self,
        from_: Token = None,
        limit: Limit = LIMIT_DEFAULT,
        search: Search | None = None,
        public: bool | None = None,
        encrypted: bool | None = None,
        space: bool | None = None,
        blocked: bool | None = None,
        empty: bool | None = None,
        order_by: RoomOrder = "name",
        direction: Direction = "ascending",
    ) -> Page[RoomOutline]:
        """All rooms that this server knows."""
        query = RoomsQuery(search, public, encrypted, space, blocked, empty, order_by, direction == "descending")
        return await self.rooms.page(query, PageRequest(from_, limit))

    @admin("showRoom", "GET", "/rooms/{roomId}", "rooms show")
    async def show_room(self, room_id: RoomID) -> RoomDetails:
        """One room.  Raises NotFound."""
        return await self.rooms.details(room_id)

    @admin(
        "listRoomMembers",
        "GET",
        "/rooms/{roomId}/members",
        "rooms members",
        query=(*PAGE, Query("membership", about="Only users with this membership.")),
    )
    async def list_members(
        self,
        room_id: RoomID,
        from_: Token = None,
        limit: Limit = LIMIT_DEFAULT,
        membership: Membership | None = None,
    ) -> Page[RoomMember]:
        """Users of all servers that have to do with a room, by name.  Raises NotFound."""
        return await self.rooms.members(room_id, PageRequest(from_, limit), membership)

    @admin("showRoomState", "GET", "/rooms/{roomId}/state", "rooms state", query=PAGE)
    async def show_state(self, room_id: RoomID, from_: Token = None, limit: Limit = LIMIT_DEFAULT) -> Page[RoomEvent]:
        """The current state of a room.  Raises NotFound."""
        return await self.rooms.state(room_id, PageRequest(from_, limit))

    @admin("listRoomMessages", "GET", "/rooms/{roomId}/messages", "rooms messages", query=PAGE)
    async def list_messages(
        self, room_id: RoomID, from_: Token = None, limit: Limit = LIMIT_DEFAULT
    ) -> Page[RoomEvent]:
        """What happened in a room, the newest first, whoever may see it.  Raises NotFound."""
        return await self.rooms.messages(room_id, PageRequest(from_, limit))

    @admin("listForwardExtremities", "GET", "/rooms/{roomId}/forward_extremities", "rooms extremities")
    async def list_extremities(self, room_id: RoomID) -> Page[Extremity]:
        """The events of a room that nothing follows yet.  Raises NotFound."""
        return await self.rooms.extremities(room_id)

    @admin("deleteRoom", "POST", "/rooms/{roomId}/delete", "rooms delete", body=True)
    async def delete_room(self, caller: Caller, room_id: RoomID, body: DeletionBody) -> ShownJob:
        """The users of this server leave a room, and it is deleted, in the background.  Raises NotFound."""
        _require_short(body.reason, body.new_room_name, body.message)
        refuge = None
        if body.new_room_user_id is not None:
            refuge = Refuge(body.new_room_user_id, body.new_room_name, body.message)
        request = DeletionRequest(room_id, body.purge, body.block, body.reason, refuge)
        return shown_job(await self.deletion.request(request, caller.user_id))

    @admin("purgeHistory", "POST", "/rooms/{roomId}/purge_history", "rooms purge-history", body=True)
    async def purge_history(self, caller: Caller, room_id: RoomID, body: HistoryBody) -> ShownJob:
        """Old messages of a room are deleted in the background; its state stays.  Raises NotFound, InvalidParameter."""
        request = HistoryRequest(room_id, body.before_ms, body.before_event)
        return shown_job(await self.history.request(request, caller.user_id))

    @admin("blockRoom", "PUT", "/rooms/{roomId}/block", "rooms block", body=True)
    async def block_room(self, caller: Caller, room_id: RoomID, body: BlockBody) -> Empty:
        """Nobody of this server comes into a room, whether it is known here or not."""
        _require_short(body.reason)
        await self.closed.block(room_id, caller.user_id, body.reason)
        return Empty()

    @admin("unblockRoom", "DELETE", "/rooms/{roomId}/block", "rooms unblock")
    async def unblock_room(self, room_id: RoomID) -> Empty:
        """A room is not blocked any more.  Raises NotFound."""
        await self.closed.unblock(room_id)
        return Empty()

    @admin("listBlockedRooms", "GET", "/blocked_rooms", "rooms blocked", query=PAGE)
    async def list_blocked(self, from_: Token = None, limit: Limit = LIMIT_DEFAULT) -> Page[BlockedRoom]:
        """All blocked rooms, those among them that this server does not know, by ID."""
        key = PageRequest(from_, limit).key(str)
        found = await self.closed.blocked("" if key is None else str(key[0]), limit + 1)
        shown = [BlockedRoom(each.room_id, each.since_ms, each.closed_by, each.reason) for each in found]
        last = (shown[:limit][-1].room_id,) if shown else None
        return page_of(shown, await self.closed.count(), limit, last)

    @admin("makeRoomAdmin", "POST", "/rooms/{roomId}/make_admin", "rooms make-admin", body=True)
    async def make_admin(self, room_id: RoomID, body: PromotionBody) -> Promoted:
        """A user runs a room, if somebody of this server may make that so.  Raises NotFound, Forbidden."""
        return await self.rooms.promote(room_id, body.user_id)


def _require_short(*texts: str | None) -> None:
    if any(text is not None and len(text) > TEXT_CHARACTERS_MAX for text in texts):
        raise Malformed(f"This has at most {TEXT_CHARACTERS_MAX} characters.", code="M_INVALID_PARAM")
