"""
What of the log users with pushers are to be told of.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Final

from attrs import define, field, frozen

from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import EVENT, MEMBERSHIP, RECEIPT, LogEntry, Position
from homeserver.core.push_rules.evaluation import Actions
from homeserver.services.clock import Clock
from homeserver.services.invite_rules import judge_invite
from homeserver.services.known_events import KnownEvents
from homeserver.services.log_tail import LogTail
from homeserver.services.memberships import Memberships
from homeserver.services.pushed_events import PushedEvents
from homeserver.services.pushing.index import PusherIndex
from homeserver.services.receipts import user_mark
from homeserver.services.rule_owners import RuleOwners
from homeserver.services.sync.pacing import Pace
from homeserver.store import log as stored_log
from homeserver.store import memberships as stored_memberships
from homeserver.store import windows
from homeserver.store.database import Database
from homeserver.store.memberships import Membership

ENTRIES_A_STEP: Final = 4
"""Of a backlog, for each step of its pace: of one that somebody is told of, about a quarter of a millisecond."""
USERS_A_STEP: Final = 2
"""Members of a large room who are looked at for each step of its pace."""


@frozen(eq=False)
class Due:
    """
    What a user is to be told of; without *actions*: that something may be unread no more.

    *has_read*: by the user's own word.
    """

    user_id: UserID
    position: Position
    room_nid: int = 0
    event_nid: int = 0
    actions: Actions | None = None
    has_read: bool = False


@define(eq=False)
class Dues:
    """Holds what happens against the rules of those who have pushers, and of nobody else."""

    database: Database
    tail: LogTail
    known: KnownEvents
    memberships: Memberships
    pushed: PushedEvents
    owners: RuleOwners
    index: PusherIndex
    clock: Clock
    reached: Position = field(init=False, default=Position(0))
    """Up to here the log was looked at for everybody."""

    async def entries(self, after: Position, upto: Position) -> Sequence[LogEntry]:
        """The log in ``(after, upto]``, from memory if it reaches back so far."""
        entries = self.tail.between(after, upto) if upto <= self.tail.head else None
        if entries is None:
            entries = await self.database.scan(stored_log.entries, after, upto, upto - after)
        return entries

    async def of(self, entries: Sequence[LogEntry], only: UserID | None = None) -> AsyncIterator[Due]:
        """All that is due after *entries*, in their order; *only*: to this user."""
        pace = Pace(self.clock)
        for number, entry in enumerate(entries, 1):
            if number % ENTRIES_A_STEP == 0:
                await pace.step()
            if entry.kind == EVENT:
                async for due in self._of_event(entry, only):
                    yield due
            elif entry.kind == RECEIPT and entry.ref is not None:
                for user_id in await self._readers(RoomID(entry.subject), entry.ref):
                    if only in (None, user_id):
                        yield Due(user_id, entry.position, has_read=True)
            elif entry.kind == MEMBERSHIP and entry.ref is not None:
                user_id = UserID(entry.subject)
                if user_id in self.index and only in (None, user_id):
                    async for due in self._of_membership(user_id, entry.ref, entry.position):
                        yield due

    async def _of_event(self, entry: LogEntry, only: UserID | None) -> AsyncIterator[Due]:
        room_nid = await self.index.nid_of(RoomID(entry.subject))
        users: Collection[UserID] = () if room_nid is None else await self.index.audience(room_nid)
        if only is not None:
            users = (only,) if only in users else ()
        if not users or room_nid is None:
            return
        nid = entry.event_nid
        event = (await self.known.by_nids((nid,))).get(nid)
        if event is None or event.ordering is None:
            return
        pushed = self.pushed.cached(event) or await self.pushed.of(room_nid, event, self.tail.head)
        pace = Pace(self.clock)
        for number, user_id in enumerate(users, 1):
            if number % USERS_A_STEP == 0:
                await pace.step()
            if event.event.sender == user_id:
                # Who says something has read what was said.
                yield Due(user_id, entry.position)
                continue
            row = (await self.memberships.of(user_id)).joined.get(event.event.room_id)
            if row is None or not await self._was_joined(row, entry.position):
                continue
            actions = await self.owners.judge(await self.owners.of(row), event, pushed.event, event.ordering)
            if actions.notify:
                yield Due(user_id, entry.position, room_nid, nid, actions)

    async def _of_membership(self, user_id: UserID, room_nid: int, position: Position) -> AsyncIterator[Due]:
        """An invite; whatever else becomes of a room, less may be unread."""
        rows = await self.database.read(stored_memberships.of_users, room_nid, (user_id,))
        for row in rows:
            if row.position != position:
                # It has been overtaken, and what overtook it is in the log as well.
                continue
            if row.membership != "invite":
                yield Due(user_id, position)
            elif row.event_nid is not None:
                invite = (await self.known.by_nids((row.event_nid,))).get(row.event_nid)
                if invite is None:
                    continue
                actions = await judge_invite(self.owners, self.pushed, row, invite, self.tail.head)
                if actions.notify:
                    yield Due(user_id, position, room_nid, row.event_nid, actions)

    async def _was_joined(self, row: Membership, position: Position) -> bool:
        if row.position < position:
            return True
        # The newest member event may be one of many.
        since = await self.database.read(windows.joined_since, row.room_nid, row.user_id, row.position)
        return since is not None and since < position

    async def _readers(self, room_id: RoomID, mark: int) -> Collection[UserID]:
        marked = self.index.marked(mark)
        if marked is not None:
            return tuple(marked)
        # Too many have pushers to know by the mark: one of the room's.
        room_nid = await self.index.nid_of(room_id)
        return () if room_nid is None else await self._marked_members(room_nid, mark)

    async def _marked_members(self, room_nid: int, mark: int) -> Collection[UserID]:
        return [user_id for user_id in await self.memberships.local_members(room_nid) if user_mark(user_id) == mark]
