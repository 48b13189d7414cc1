"""
Whose devices a user's clients must look at again, and whose they need not follow any more.

Spec: client-server-api#tracking-the-device-list-for-a-user
"""

from collections.abc import Iterable
from typing import Final

from attrs import define, field, frozen

from e2ee.core.sharing import Sharing, Stay, settled, sharing_of, stay_of
from e2ee.services.moves import Moves
from e2ee.store import device_list_changes, key_signatures, room_moves
from homeserver.core.identifiers import UserID
from homeserver.core.log import DEVICE_LIST, KEY_SIGNATURES, MEMBERSHIP, REMOTE_MEMBERSHIP, LogEntry, Position
from homeserver.services.log_tail import LogTail
from homeserver.services.memberships import Memberships, UserRooms
from homeserver.store.database import Database

UNENCRYPTED_MEMBERS_MAX: Final = 500
"""The spec wants members of encrypted rooms told; those of others are as well, while the room is no larger."""

_KINDS: Final = frozenset({DEVICE_LIST, KEY_SIGNATURES, MEMBERSHIP, REMOTE_MEMBERSHIP})


@frozen
class Span:
    """Positions in ``(after, upto]`` as one user sees them; *rooms* as they are now."""

    user_id: UserID
    rooms: UserRooms
    after: Position
    upto: Position


@define
class News:
    """*changed*: look again; *left*: no room is shared any more."""

    changed: set[UserID] = field(factory=set)
    left: set[UserID] = field(factory=set)

    def __bool__(self) -> bool:
        return bool(self.changed or self.left)


@frozen
class _Log:
    """What the log says in a span that can concern device lists; *movers*: in rooms of the user alone."""

    changed: set[UserID]
    signed: set[UserID]
    movers: set[UserID]


@define(eq=False)
class DeviceLists:
    """Tells what changed, from memory as far as it reaches."""

    database: Database
    tail: LogTail
    memberships: Memberships
    moves: Moves

    async def changes(self, user_id: UserID, after: Position, upto: Position) -> News:
        """What changed for the user at positions in ``(after, upto]``."""
        upto = Position(min(upto, self.tail.head))
        if after >= upto:
            return News()
        return await self.between(Span(user_id, await self.memberships.of(user_id), after, upto))

    async def between(self, span: Span) -> News:
        """What changed in the span."""
        mine = await self._own_stay(span)
        log = await self._read_log(span, mine)
        news = News(changed=log.signed)
        for user_id in log.movers - {span.user_id}:
            sharing = sharing_of(mine, stay_of(await self.moves.of(user_id), span.after, span.upto))
            if sharing is Sharing.BEGUN:
                news.changed.add(user_id)
            elif sharing is Sharing.ENDED:
                news.left.add(user_id)
        if mine.after != mine.throughout or mine.before != mine.after:
            await self._add_own_moves(span, mine, news)
        for user_id in log.changed - news.changed:
            if user_id == span.user_id or await self._is_shared(mine, user_id, span.upto):
                news.changed.add(user_id)
        news.left -= news.changed
        return news

    async def _own_stay(self, span: Span) -> Stay:
        if span.rooms.changed_at <= span.after:
            return settled(frozenset(row.room_nid for row in span.rooms.joined.values()))
        return stay_of(await self.moves.of(span.user_id), span.after, span.upto)

    async def _read_log(self, span: Span, mine: Stay) -> _Log:
        entries = self.tail.between(span.after, span.upto)
        if entries is None:
            return await self._read_store(span, mine)
        return await self._sort(span, mine, [entry for entry in entries if entry.kind in _KINDS])

    async def _sort(self, span: Span, mine: Stay, entries: Iterable[LogEntry]) -> _Log:
        log = _Log(set(), set(), set())
        own = mine.before | mine.after
        for entry in entries:
            subject = UserID(entry.subject)
            if entry.kind == DEVICE_LIST:
                log.changed.add(subject)
            elif entry.kind == KEY_SIGNATURES:
                if subject == span.user_id:
                    log.signed.update(await self._signed(span))
            elif entry.ref in own:
                log.movers.add(subject)
        return log

    async def _read_store(self, span: Span, mine: Stay) -> _Log:
        """The same for a span that begins before what is in memory."""
        changed = await self.database.scan(device_list_changes.since, span.after)
        movers = await self.database.scan(room_moves.movers, mine.before | mine.after, span.after, span.upto)
        return _Log(set(changed), set(await self._signed(span)), movers)

    async def _signed(self, span: Span) -> list[UserID]:
        return await self.database.read(key_signatures.targets_between, span.user_id, span.after, span.upto)

    async def _is_shared(self, mine: Stay, user_id: UserID, upto: Position) -> bool:
        theirs = stay_of(await self.moves.of(user_id), upto, upto)
        return bool(mine.after & theirs.after)

    async def _add_own_moves(self, span: Span, mine: Stay, news: News) -> None:
        for room_nid in mine.after - mine.throughout:
            news.changed |= await self._members(room_nid, span.upto) - {span.user_id}
        lost: set[UserID] = set()
        for room_nid in mine.before - mine.after:
            lost |= await self._members(room_nid, span.after)
        lost -= news.changed | {span.user_id}
        if lost:
            news.left |= await self.database.scan(room_moves.without_members, lost, sorted(mine.after))

    async def _members(self, room_nid: int, position: Position) -> set[UserID]:
        return await self.database.scan(room_moves.members, room_nid, position, unencrypted_max=UNENCRYPTED_MEMBERS_MAX)
