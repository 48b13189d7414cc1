"""
Which rooms each local user has to do with, and which local users are joined to a room: as committed, from memory.

It follows the log, so what it answers holds at the log's head as this process has seen it.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence

from attrs import define, field, frozen

from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import MEMBERSHIP, LogEntry, Position
from homeserver.services.log_tail import LogTail
from homeserver.services.refusals import NotInRoom
from homeserver.store import memberships
from homeserver.store.database import Database
from homeserver.store.memberships import Membership

NO_USERS: frozenset[UserID] = frozenset()


@frozen(eq=False)
class UserRooms:
    """
    One user's rooms at one moment.

    *rows*: of every room the user was ever joined to, invited to, banned from …; *joined*: those the user is in.
    *changed_at*: the position of the newest change of any of them.
    """

    rows: Mapping[RoomID, Membership]
    joined: Mapping[RoomID, Membership]
    changed_at: Position

    def require_joined(self, room_id: RoomID) -> Membership:
        """The user's row of a room.  Raises NotInRoom."""
        row = self.joined.get(room_id)
        if row is None:
            raise NotInRoom
        return row


def rooms_of(rows: Iterable[Membership]) -> UserRooms:
    """The rooms that *rows* say."""
    by_room = {row.room_id: row for row in rows}
    return UserRooms(
        by_room,
        {room_id: row for room_id, row in by_room.items() if row.membership == "join"},
        Position(max((row.position for row in by_room.values()), default=0)),
    )


@define(eq=False)
class _Loading:
    """A read under way; *changed*: rooms of the user that the log says changed meanwhile, and where."""

    changed: dict[int, Position] = field(factory=dict)


@define(eq=False)
class Memberships:
    """
    The rooms of the *users_max* users last asked for, and the local members of the *rooms_max* rooms last asked for.

    *on_drop*: called with each user whose rooms are no longer in memory, or no longer right.
    """

    database: Database
    tail: LogTail
    users_max: int = 20_000
    rooms_max: int = 5_000
    on_drop: list[Callable[[UserID], None]] = field(init=False, factory=list)
    _users: OrderedDict[UserID, UserRooms] = field(init=False, factory=OrderedDict)
    _stale: dict[UserID, set[int]] = field(init=False, factory=dict)
    """Rooms, by nid, whose row in ``_users`` has been overtaken."""
    _present: dict[RoomID, set[UserID]] = field(init=False, factory=dict)
    _loading: dict[UserID, list[_Loading]] = field(init=False, factory=dict)
    _members: OrderedDict[int, frozenset[UserID]] = field(init=False, factory=OrderedDict)

    async def of(self, user_id: UserID) -> UserRooms:
        """The user's rooms, as they are at the head of the log when this answers."""
        rooms = self.cached(user_id)
        while rooms is None:
            rooms = await self._load(user_id)
        return rooms

    def cached(self, user_id: UserID) -> UserRooms | None:
        """The same if it is in memory."""
        rooms = self._users.get(user_id)
        if rooms is None or user_id in self._stale:
            return None
        self._users.move_to_end(user_id)
        return rooms

    def present_in(self, room_id: RoomID) -> set[UserID] | frozenset[UserID]:
        """The users joined to the room among those in memory: whoever waits for something is."""
        return self._present.get(room_id, NO_USERS)

    async def local_members(self, room_nid: int) -> frozenset[UserID]:
        """All users of this server that are joined to the room."""
        members = self._members.get(room_nid)
        if members is None:
            at = self.tail.head
            members = frozenset(await self.database.read(memberships.joined, room_nid))
            if at == self.tail.head:
                self._members[room_nid] = members
                while len(self._members) > self.rooms_max:
                    self._members.popitem(last=False)
        else:
            self._members.move_to_end(room_nid)
        return members

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """What the entries say has changed is read afresh."""
        for entry in entries:
            if entry.kind == MEMBERSHIP and entry.ref is not None:
                self._members.pop(entry.ref, None)
                self._overtake(UserID(entry.subject), entry.ref, entry.position)

    def _overtake(self, user_id: UserID, room_nid: int, position: Position) -> None:
        for loading in self._loading.get(user_id, ()):
            loading.changed[room_nid] = position
        rooms = self._users.get(user_id)
        if rooms is not None and not _is_seen(rooms, room_nid, position):
            self._stale.setdefault(user_id, set()).add(room_nid)
            for on_drop in self.on_drop:
                on_drop(user_id)

    async def _load(self, user_id: UserID) -> UserRooms | None:
        known, stale = self._users.get(user_id), self._stale.get(user_id)
        loading = _Loading()
        self._loading.setdefault(user_id, []).append(loading)
        try:
            if known is None or not stale:
                rooms = rooms_of(await self.database.read(memberships.of_user, user_id))
            else:
                asked = frozenset(stale)
                fresh = await self.database.read(memberships.of_user_in, user_id, sorted(asked))
                # Of a room that was deleted there is no row any more.
                kept = (row for row in known.rows.values() if row.room_nid not in asked)
                rooms = rooms_of([*kept, *fresh])
            # The store may be ahead of what the log's followers have been told.
            await self.tail.reach(rooms.changed_at)
        finally:
            self._finish(user_id, loading)
        if any(not _is_seen(rooms, nid, position) for nid, position in loading.changed.items()):
            return None
        self._keep(user_id, rooms)
        return rooms

    def _finish(self, user_id: UserID, loading: _Loading) -> None:
        others = self._loading[user_id]
        others.remove(loading)
        if not others:
            del self._loading[user_id]

    def _keep(self, user_id: UserID, rooms: UserRooms) -> None:
        before = self._users.get(user_id)
        self._stale.pop(user_id, None)
        self._users[user_id] = rooms
        self._users.move_to_end(user_id)
        self._move(user_id, () if before is None else before.joined, rooms.joined)
        while len(self._users) > self.users_max:
            self._evict()

    def _evict(self) -> None:
        user_id, rooms = self._users.popitem(last=False)
        self._stale.pop(user_id, None)
        self._move(user_id, rooms.joined, ())
        for on_drop in self.on_drop:
            on_drop(user_id)

    def _move(self, user_id: UserID, before: Iterable[RoomID], after: Iterable[RoomID]) -> None:
        left, entered = set(before).difference(after), set(after).difference(before)
        for room_id in left:
            present = self._present[room_id]
            present.discard(user_id)
            if not present:
                del self._present[room_id]
        for room_id in entered:
            self._present.setdefault(room_id, set()).add(user_id)


def _is_seen(rooms: UserRooms, room_nid: int, position: Position) -> bool:
    """Whether a change of the log is in *rooms* already: they were read after its commit."""
    return any(row.room_nid == room_nid and row.position >= position for row in rooms.rows.values())
