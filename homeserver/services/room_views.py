"""
What a room is to somebody who wants to read it: whether they may look at all, and up to where.

Spec: client-server-api#room-history-visibility
"""

from collections.abc import Sequence

from attrs import define, frozen

from homeserver.core.identifiers import DeviceID, RoomID, UserID
from homeserver.core.log import Position
from homeserver.core.timeline import Ordering, TimelineEvent, ordering_at
from homeserver.core.visibility import visibility_of
from homeserver.services.callers import Caller
from homeserver.services.known_events import KnownEvents
from homeserver.services.log_tail import LogTail
from homeserver.services.memberships import Memberships
from homeserver.services.refusals import NotInRoom
from homeserver.services.visible_history import Seen, VisibleHistory
from homeserver.store import rooms, visibility
from homeserver.store.database import Database
from homeserver.store.memberships import Membership
from homeserver.store.visibility import KeyChange, VisibilityChanges


@frozen(eq=False)
class RoomView:
    """
    A room as one reader may look at it: as it is after *upto*.

    *row*: what the reader is to it; None: nothing at all, and the room shows itself to everybody.
    """

    room_nid: int
    room_id: RoomID
    user_id: UserID
    device_id: DeviceID | None
    row: Membership | None
    upto: Position

    @property
    def newest(self) -> Ordering:
        """The end of what may be read."""
        return ordering_at(self.upto)

    @property
    def is_joined(self) -> bool:
        return self.row is not None and self.row.membership == "join"


@define(eq=False)
class RoomViews:
    """Opens rooms for readers."""

    database: Database
    tail: LogTail
    known: KnownEvents
    memberships: Memberships
    history: VisibleHistory

    async def joined(self, caller: Caller, room_id: RoomID) -> RoomView:
        """The room to one of its members.  Raises NotInRoom for everybody else."""
        row = (await self.memberships.of(caller.user_id)).require_joined(room_id)
        return RoomView(row.room_nid, room_id, caller.user_id, caller.device_id, row, self.tail.head)

    async def open(self, caller: Caller, room_id: RoomID) -> RoomView:
        """
        The room to whoever may look at it: members; who was one, as it was when they left; and everybody, if it is
        world-readable.  Raises NotInRoom.
        """
        rooms_of_caller = await self.memberships.of(caller.user_id)
        if room_id in rooms_of_caller.joined:
            return await self.joined(caller, room_id)
        row = rooms_of_caller.rows.get(room_id)
        room_nid = await self._nid(room_id) if row is None else row.room_nid
        changes = await self.database.read(visibility.changes_for, room_nid, caller.user_id)
        if await self._is_world_readable(changes):
            upto: Position | None = self.tail.head
        else:
            upto = None if row is None or row.forgotten else _left_at(changes.memberships)
        if upto is None:
            raise NotInRoom
        return RoomView(room_nid, room_id, caller.user_id, caller.device_id, row, upto)

    async def seen(self, view: RoomView, events: Sequence[TimelineEvent]) -> list[Seen]:
        """Those of *events* (of the room's timeline, in order, either way) that the reader may see."""
        if view.row is not None and view.is_joined:
            return await self.history.of(view.row, events)
        return await self.history.seen_by(view.user_id, view.room_nid, events)

    async def _nid(self, room_id: RoomID) -> int:
        room = await self.database.read(rooms.by_id, room_id)
        if room is None:
            raise NotInRoom
        return room.nid

    async def _is_world_readable(self, changes: VisibilityChanges) -> bool:
        nid = changes.settings[-1].event_nid if changes.settings else None
        if nid is None:
            return False
        setting = (await self.known.by_nids((nid,)))[nid]
        return visibility_of(setting.event.content) == "world_readable"


def _left_at(memberships: Sequence[KeyChange]) -> Position | None:
    """Where the user ceased to be joined for the last time; None: they never were."""
    left: Position | None = None
    was_joined = False
    for change in memberships:
        if change.membership != "join" and was_joined:
            left = change.position
        was_joined = change.membership == "join"
    return left
