"""
What is in spaces, and what rooms show of themselves to who is not in them.

Spec: client-server-api#discovering-rooms-within-spaces
"""

from collections import OrderedDict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final, TypeAlias

from attrs import define, field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.hierarchy_tokens import HierarchyPlace, mark_of
from homeserver.core.identifiers import RoomAlias, RoomID, ServerName, UserID, server_of
from homeserver.core.malformed import Malformed
from homeserver.core.room_outlines import OutlinedSpace, RoomOutline
from homeserver.services.aliases import Aliases
from homeserver.services.callers import Caller
from homeserver.services.clock import Clock
from homeserver.services.memberships import Memberships, UserRooms
from homeserver.services.ports import RemoteSpaces
from homeserver.services.refusals import Forbidden, NotFound
from homeserver.services.room_outlines import RoomOutlines
from homeserver.services.sync.pacing import Pace

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 100
DEPTH_MAX: Final = 50
"""Also the default: how far below the root rooms are looked for."""
WALKED_MAX: Final = 10_000
"""Rooms of one hierarchy that are looked at; what lies beyond is not shown."""
ASKING_SECONDS_MAX: Final = 15.0
"""Once this has passed, a page ends before another server would be asked; the client goes on from there."""
WALKS_MAX: Final = 200
"""Walks that are remembered where a page ended; a client that goes on from another one waits a little longer."""
WALKS_ROOMS_MAX: Final = 200_000
"""Rooms that these have come by, in all."""
WALK_KEPT_SECONDS: Final = 600.0


@frozen
class HierarchyRequest:
    """Which part of a hierarchy is wanted; None: as the server likes, or as on the page before."""

    suggested_only: bool | None = None
    limit: int | None = None
    max_depth: int | None = None
    from_: HierarchyPlace | None = None

    def start(self) -> HierarchyPlace:
        """Where the page begins.  Raises Malformed when what was asked for has changed between pages."""
        depth = None if self.max_depth is None else min(self.max_depth, DEPTH_MAX)
        if self.from_ is None:
            return HierarchyPlace(0, self.suggested_only or False, DEPTH_MAX if depth is None else depth)
        if self.suggested_only not in {None, self.from_.suggested_only} or depth not in {None, self.from_.max_depth}:
            reason = "suggested_only and max_depth cannot change from page to page."
            raise Malformed(reason, "from", "M_INVALID_PARAM")
        return self.from_


@frozen
class _Step:
    """A room that is next to be looked at.  *told*: what a server has told of it already."""

    room_id: RoomID
    via: Sequence[ServerName]
    depth: int
    told: RoomOutline | None = None


@frozen(eq=False)
class _Walk:
    """Where a page ended: what is to be looked at next, the last first, and what was."""

    stack: tuple[_Step, ...]
    seen: frozenset[RoomID]
    until: float


_WalkKey: TypeAlias = tuple[UserID, RoomID, str]
"""Who walks, from where, and the token to go on from."""


@define(eq=False)
class _Page:
    """The part of a walk that is shown: what follows *start*, up to *limit* rooms."""

    start: HierarchyPlace
    limit: int
    passed: int = 0
    """Visible rooms that the walk has come by."""
    last: str = ""
    begun: bool = False
    rooms: list[RoomOutline] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.begun = not self.start.last

    def take(self, room: RoomOutline) -> bool:
        """Whether the room has its place on the page or before it; False: it is the first of the next."""
        if self.begun and len(self.rooms) == self.limit:
            return False
        self.passed += 1
        self.last = mark_of(room.room_id)
        if self.begun:
            self.rooms.append(room)
        # The room that was shown last may be gone: then the page begins after as many rooms as were shown.
        elif self.last == self.start.last or self.passed >= self.start.shown:
            self.begun = True
        return True

    def resume(self) -> None:
        """The walk is where the page begins."""
        self.begun, self.passed, self.last = True, self.start.shown, self.start.last

    @property
    def place(self) -> HierarchyPlace:
        """Where the next page begins."""
        if not self.begun:
            return self.start
        return HierarchyPlace(self.passed, self.start.suggested_only, self.start.max_depth, self.last)

    def to_json(self, *, ended: bool) -> JSONObject:
        rooms: list[JSON] = [room.to_json(suggested_only=self.start.suggested_only) for room in self.rooms]
        return {"rooms": rooms} if ended else {"rooms": rooms, "next_batch": str(self.place)}


@define(eq=False)
class Spaces:
    """Shows rooms to who may know of them."""

    server: ServerName
    clock: Clock
    memberships: Memberships
    outlines: RoomOutlines
    aliases: Aliases
    remote: RemoteSpaces
    _walks: OrderedDict[_WalkKey, _Walk] = field(init=False, factory=OrderedDict)

    async def hierarchy(self, caller: Caller, room_id: RoomID, request: HierarchyRequest) -> JSONObject:
        """
        A page of the rooms in a space that the caller may know of, depth first, beginning with the space.

        A page goes on where the one before ended, if that is remembered; else it walks from the root again, by what is
        known of other servers' rooms from the pages before: it may be of any process.  Raises Forbidden, Malformed.
        """
        start = request.start()
        page = _Page(start, min(request.limit or LIMIT_DEFAULT, LIMIT_MAX))
        reader = await self.memberships.of(caller.user_id)
        root = _Step(room_id, self._inviters(reader, room_id), 0)
        stack, seen = [root], set[RoomID]()
        walk = self._walks.get((caller.user_id, room_id, str(start)))
        if walk is not None and walk.until > self.clock.seconds() and await self._still_shows(root, reader):
            stack, seen = [*walk.stack], {*walk.seen}
            page.resume()
        deadline = self.clock.seconds() + ASKING_SECONDS_MAX
        pace = Pace(self.clock)
        while stack and len(seen) < WALKED_MAX:
            step = stack.pop()
            # Spaces may be in each other, and a room in several.
            if step.room_id in seen:
                continue
            seen.add(step.room_id)
            found = await self._local(step)
            await pace.step()
            if found is None:
                if self.clock.seconds() > deadline:
                    self._remember(caller.user_id, room_id, page, [*stack, step], seen - {step.room_id})
                    return page.to_json(ended=False)
                found = await self._asked(step, suggested_only=start.suggested_only)
            if found is None or not _is_shown(found.room, reader):
                if step.depth == 0:
                    raise Forbidden("You are not allowed to view this room.")
                continue
            if not page.take(found.room):
                self._remember(caller.user_id, room_id, page, [*stack, step], seen - {step.room_id})
                return page.to_json(ended=False)
            if step.depth < start.max_depth:
                stack += reversed(_below(step, found, suggested_only=start.suggested_only))
        return page.to_json(ended=True)

    async def summary(
        self, caller: Caller | None, room: RoomID | RoomAlias, via: Sequence[ServerName] = ()
    ) -> JSONObject:
        """
        What a room shows of itself, and what the caller is to it.  Raises NotFound, Unreachable.

        *caller*: None: a stranger, who is shown what everybody may know.
        """
        room_id, servers = RoomID(room), [*via]
        if room.startswith("#"):
            room_id, known = await self.aliases.resolve(RoomAlias(room))
            servers += known
        reader = None if caller is None else await self.memberships.of(caller.user_id)
        servers += () if reader is None else self._inviters(reader, room_id)
        step = _Step(room_id, servers, 0)
        found = await self._local(step) or await self._asked(step, suggested_only=False)
        if found is None or not (found.room.shows_itself if reader is None else _is_shown(found.room, reader)):
            raise NotFound("There is no such room, or you may not know of it.")
        if reader is None:
            return found.room.shown
        return {**found.room.shown, "membership": _membership(reader, room_id) or "leave"}

    async def _still_shows(self, root: _Step, reader: UserRooms) -> bool:
        found = await self._local(root)
        return found is None or _is_shown(found.room, reader)

    def _remember(
        self, user_id: UserID, root: RoomID, page: _Page, stack: Sequence[_Step], seen: AbstractSet[RoomID]
    ) -> None:
        if not page.begun:
            return
        key = (user_id, root, str(page.place))
        self._walks.pop(key, None)
        self._walks[key] = _Walk(tuple(stack), frozenset(seen), self.clock.seconds() + WALK_KEPT_SECONDS)
        rooms = sum(len(walk.seen) for walk in self._walks.values())
        while len(self._walks) > WALKS_MAX or (rooms > WALKS_ROOMS_MAX and len(self._walks) > 1):
            rooms -= len(self._walks.popitem(last=False)[1].seen)

    async def _local(self, step: _Step) -> OutlinedSpace | None:
        outline = await self.outlines.of(step.room_id)
        return None if outline is None else OutlinedSpace(outline, {})

    async def _asked(self, step: _Step, *, suggested_only: bool) -> OutlinedSpace | None:
        """The same from other servers."""
        if step.told is not None and not step.told.is_space:
            return OutlinedSpace(step.told, {})
        # Until v11 a room ID names the server that made it, which often is still there.
        named = [*step.via, *([server_of(step.room_id)] if server_of(step.room_id) else [])]
        servers = [server for server in dict.fromkeys(named) if server != self.server]
        found = await self.remote.outline(step.room_id, servers, suggested_only=suggested_only)
        return OutlinedSpace(step.told, {}) if found is None and step.told is not None else found

    def _inviters(self, reader: UserRooms, room_id: RoomID) -> list[ServerName]:
        row = reader.rows.get(room_id)
        return [] if row is None else [server_of(UserID(row.sender))]


def _is_shown(room: RoomOutline, reader: UserRooms) -> bool:
    return room.is_shown_to(_membership(reader, room.room_id), reader.joined)


def _membership(reader: UserRooms, room_id: RoomID) -> str | None:
    row = reader.rows.get(room_id)
    return None if row is None else row.membership


def _below(step: _Step, found: OutlinedSpace, *, suggested_only: bool) -> list[_Step]:
    """The rooms in a space, in their order."""
    if not found.room.is_space:
        return []
    return [
        _Step(child.room_id, child.via, step.depth + 1, found.children.get(child.room_id))
        for child in found.room.children
        if (child.suggested or not suggested_only) and child.room_id not in found.inaccessible
    ]
