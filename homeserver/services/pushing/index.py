"""
Who has pushers, in memory: of everybody else nothing is looked at.
"""

from collections import OrderedDict
from typing import Final

from attrs import define, field, frozen

from homeserver.core.identifiers import RoomID, UserID
from homeserver.services.memberships import NO_USERS, Memberships
from homeserver.services.receipts import user_mark
from homeserver.store import pushers, rooms
from homeserver.store.database import Database

USERS_MAX: Final = 200_000
"""With more users that have pushers, everybody is taken to be one of them; who has none is found out later."""


@frozen(eq=False)
class _Audience:
    members: frozenset[UserID]
    changes: int
    users: frozenset[UserID]


@define(eq=False)
class PusherIndex:
    """The users that have pushers, and the local members of rooms among them.  ``load`` comes first."""

    database: Database
    memberships: Memberships
    users_max: int = USERS_MAX
    rooms_max: int = 10_000
    _users: set[UserID] | None = field(init=False, factory=set)
    """None: too many."""
    _by_mark: dict[int, set[UserID]] = field(init=False, factory=dict)
    _changes: int = field(init=False, default=0)
    _nids: OrderedDict[RoomID, int] = field(init=False, factory=OrderedDict)
    _audiences: OrderedDict[int, _Audience] = field(init=False, factory=OrderedDict)

    async def load(self) -> None:
        """The users that have pushers are known."""
        found = await self.database.scan(pushers.users, self.users_max + 1)
        for user_id in found:
            self._add(user_id)

    @property
    def is_empty(self) -> bool:
        """Whether nobody has a pusher."""
        return self._users is not None and not self._users

    def __contains__(self, user_id: object) -> bool:
        return self._users is None or user_id in self._users

    def marked(self, mark: int) -> set[UserID] | frozenset[UserID] | None:
        """The users that ``user_mark`` may stand for here; None: too many have pushers to say."""
        return None if self._users is None else self._by_mark.get(mark, NO_USERS)

    async def renew(self, user_id: UserID) -> None:
        """The user's pushers have changed."""
        if self._users is None:
            return
        has_any = bool(await self.database.read(pushers.of_user, user_id))
        if has_any and user_id not in self._users:
            self._add(user_id)
        elif not has_any and user_id in self._users:
            self._users.discard(user_id)
            self._by_mark[user_mark(user_id)].discard(user_id)
            if not self._by_mark[user_mark(user_id)]:
                del self._by_mark[user_mark(user_id)]
            self._changes += 1

    async def nid_of(self, room_id: RoomID) -> int | None:
        """The number of the room; None: it is gone."""
        nid = self._nids.get(room_id)
        if nid is None:
            room = await self.database.read(rooms.by_id, room_id)
            if room is None:
                return None
            nid = self._nids[room_id] = room.nid
            while len(self._nids) > self.rooms_max:
                self._nids.popitem(last=False)
        else:
            self._nids.move_to_end(room_id)
        return nid

    async def audience(self, room_nid: int) -> frozenset[UserID]:
        """The local members of the room that have pushers."""
        members = await self.memberships.local_members(room_nid)
        known = self._audiences.get(room_nid)
        # The same object, as long as nobody has come or gone.
        if known is not None and known.members is members and known.changes == self._changes:
            self._audiences.move_to_end(room_nid)
            return known.users
        users = members if self._users is None else members & self._users
        self._audiences[room_nid] = _Audience(members, self._changes, users)
        while len(self._audiences) > self.rooms_max:
            self._audiences.popitem(last=False)
        return users

    def forget_room(self, room_id: RoomID, room_nid: int) -> None:
        """The room is looked up afresh: if it comes back it has another number."""
        self._nids.pop(room_id, None)
        self._audiences.pop(room_nid, None)

    def _add(self, user_id: UserID) -> None:
        if self._users is None:
            return
        self._users.add(user_id)
        self._by_mark.setdefault(user_mark(user_id), set()).add(user_id)
        self._changes += 1
        if len(self._users) > self.users_max:
            self._users = None
            self._by_mark.clear()
