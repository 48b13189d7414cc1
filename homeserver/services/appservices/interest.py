"""
Which rooms and users an application service is interested in, at any place of the log.

A room is of interest while one of the service's users is in it.  One of them, once found, bears witness for the room:
as long as that one stays, nobody else needs to be looked at.

Spec: application-service-api#registration
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

from attrs import define, field

from homeserver.core.appservices.registration import Registration
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import ALIASES, FORGOTTEN, MEMBERSHIP, LogEntry, Position
from homeserver.store import memberships, room_aliases, rooms, windows
from homeserver.store.database import Database, Snapshot

ROOMS_MAX: Final = 20_000
USERS_MAX: Final = 50_000


@define(eq=False)
class RoomOfInterest:
    """
    A room, as far as it concerns the service.

    *witness*: one of its users who is in the room, without a break since *since*; None: none is.
    *settled*: when any of its users last came or went.
    """

    nid: int
    named: bool | None
    """By the room's ID or an alias; then everything in it is of interest.  None: its aliases have changed."""
    witness: UserID | None
    since: Position
    settled: Position


@define(eq=False)
class Interest:
    """The interest of one application service; to follow the log's tail."""

    registration: Registration
    database: Database
    _rooms: OrderedDict[RoomID, RoomOfInterest] = field(init=False, factory=OrderedDict)
    _ids: dict[int, RoomID] = field(init=False, factory=dict)
    """The IDs of the rooms in memory, by nid."""
    _users: OrderedDict[UserID, bool] = field(init=False, factory=OrderedDict)
    _moves: int = field(init=False, default=0)

    def owns(self, user_id: UserID) -> bool:
        """Whether the user is one of the service's."""
        owned = self._users.get(user_id)
        if owned is None:
            owned = self._users[user_id] = self.registration.owns(user_id)
            if len(self._users) > USERS_MAX:
                self._users.popitem(last=False)
        return owned

    async def room(self, room_id: RoomID) -> RoomOfInterest | None:
        """The room as it is now; None when it is not known here."""
        room = self._rooms.get(room_id)
        if room is not None:
            self._rooms.move_to_end(room_id)
            while room.named is None:
                moves = self._moves
                named = await self.database.read(self._is_named, room_id)
                if moves == self._moves:
                    room.named = named
            return room
        moves = self._moves
        room = await self.database.scan(self._load, room_id)
        if room is not None and moves == self._moves:
            self._keep(room_id, room)
        return room

    async def holds(self, room_id: RoomID, position: Position) -> bool:
        """Whether what was stored in the room at *position* concerns the service by who was there, or by its name."""
        room = await self.room(room_id)
        if room is None or room.named:
            return room is not None
        if position >= room.settled:
            return room.witness is not None
        if room.witness is not None and room.since <= position:
            return True
        return await self.database.scan(self._was_there, room.nid, position)

    def follow(self, entries: Iterable[LogEntry]) -> None:
        """The service's users come and go, and so do aliases, and rooms."""
        for entry in entries:
            if entry.kind == ALIASES:
                self._moves += 1
                room = self._rooms.get(RoomID(entry.subject))
                if room is not None:
                    room.named = None
            elif entry.kind == FORGOTTEN:
                self._moves += 1
                room = self._rooms.pop(RoomID(entry.subject), None)
                if room is not None:
                    del self._ids[room.nid]
            elif entry.kind == MEMBERSHIP and entry.ref is not None and self.owns(UserID(entry.subject)):
                self._moves += 1
                self._move(entry.ref, UserID(entry.subject), entry.position)

    def _move(self, room_nid: int, user_id: UserID, position: Position) -> None:
        room_id = self._ids.get(room_nid)
        if room_id is None:
            return
        room = self._rooms[room_id]
        if room.witness is None or room.witness == user_id:
            del self._rooms[room_id], self._ids[room_nid]
        else:
            room.settled = max(room.settled, position)

    def _load(self, tx: Snapshot, room_id: RoomID) -> RoomOfInterest | None:
        stored = rooms.by_id(tx, room_id)
        if stored is None:
            return None
        named = self._is_named(tx, room_id)
        own = self._own(tx, stored.nid)
        witness = next((row.user_id for row in own if row.membership == "join"), None)
        settled = Position(max((row.position for row in own), default=0))
        since = None if witness is None else windows.joined_since(tx, stored.nid, witness, settled)
        return RoomOfInterest(stored.nid, named, witness, settled if since is None else since, settled)

    def _is_named(self, tx: Snapshot, room_id: RoomID) -> bool:
        registration = self.registration
        if registration.holds_room(room_id):
            return True
        if not registration.namespaces.aliases:
            return False
        return any(registration.holds_alias(each.alias) for each in room_aliases.of_room(tx, room_id))

    def _was_there(self, tx: Snapshot, room_nid: int, position: Position) -> bool:
        own = self._own(tx, room_nid)
        return any(windows.joined_since(tx, room_nid, row.user_id, position) is not None for row in own)

    def _own(self, tx: Snapshot, room_nid: int) -> Sequence[memberships.Membership]:
        """What the service's users are to the room, its sender first: who mostly stays longest."""
        rows = [row for row in memberships.of_room(tx, room_nid) if self.registration.owns(row.user_id)]
        return sorted(rows, key=lambda row: (row.user_id != self.registration.sender, row.position))

    def _keep(self, room_id: RoomID, room: RoomOfInterest) -> None:
        self._rooms[room_id] = room
        self._rooms.move_to_end(room_id)
        self._ids[room.nid] = room_id
        while len(self._rooms) > ROOMS_MAX:
            _, dropped = self._rooms.popitem(last=False)
            self._ids.pop(dropped.nid, None)
