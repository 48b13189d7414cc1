"""
One pusher's way to its gateway: one push at a time, and the same one until it is delivered or given up.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final, TypeAlias

import structlog
from attrs import define, field

from homeserver.core.backoff import wait_ms
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import UserID
from homeserver.core.log import Position
from homeserver.core.push_notices import parse_rejected
from homeserver.services.clock import Clock, now_ms
from homeserver.services.ports import PeerFault, PeerUnreachable, PushGateways
from homeserver.services.pushing.badges import Badges
from homeserver.services.pushing.dues import Due, Dues
from homeserver.services.pushing.notices import Addressee, Notices
from homeserver.services.pushing.settings import PushSettings

log = structlog.get_logger(__name__)

QUEUE_MAX: Final = 100
"""Events that wait in memory for one gateway; with more, the rest is found in the log again."""
PASS_MAX: Final = 1_000
"""Positions of the log that are read at once."""
TOLD_MAX: Final = 100_000
"""Pushers of which is remembered what count they were told last."""

Key: TypeAlias = tuple[UserID, str, str]
"""A user, app ID and pushkey."""


@define(eq=False)
class Surroundings:
    """What all lanes work with.  *dice* throws a number in [0, 1)."""

    clock: Clock
    gateways: PushGateways
    dues: Dues
    notices: Notices
    badges: Badges
    settings: PushSettings
    dice: Callable[[], float]
    _told: OrderedDict[Key, int] = field(init=False, factory=OrderedDict)

    def told(self, key: Key) -> int | None:
        """How much is unread, as the gateway heard last; None: that is not known."""
        return self._told.get(key)

    def note_told(self, key: Key, unread: int) -> None:
        """The gateway has heard it."""
        self._told[key] = unread
        self._told.move_to_end(key)
        while len(self._told) > TOLD_MAX:
            self._told.popitem(last=False)


@define(eq=False)
class Lane:
    """
    *cursor*: up to there everything is delivered.  *failing_since_ms*: None, it is not.

    *ended*: the pusher is no more, or somebody else's to serve; *rejected*: as its gateway has said.
    """

    key: Key
    around: Surroundings
    addressee: Addressee
    cursor: Position
    failing_since_ms: int | None = None
    saved: tuple[Position, int | None] | None = None
    busy: bool = False
    ended: bool = False
    rejected: bool = False
    retry_at_ms: int = 0
    _queue: deque[Due] = field(init=False, factory=deque)
    _read_upto: Position | None = field(init=False, default=None)
    """When it is behind: after this the log is to be read again.  None: all there is is in the queue."""
    _badge_at: Position | None = field(init=False, default=None)
    """Something was read there; the gateway is to hear how much is unread now."""
    _failures: int = field(init=False, default=0)

    def fall_behind(self) -> None:
        """All after the cursor is found in the log."""
        self._queue.clear()
        self._read_upto = self.cursor

    def add(self, due: Due) -> None:
        """It is going to be delivered."""
        if due.position <= self.cursor:
            return
        if due.actions is None:
            # An app that was told nothing yet shows nothing, as far as is known; but who reads may know better.
            if due.has_read or self.around.told(self.key) is not None:
                self._badge_at = due.position
        elif self._read_upto is not None:
            return
        elif len(self._queue) < QUEUE_MAX:
            self._queue.append(due)
        else:
            self._read_upto = self._queue[-1].position

    @property
    def pending_from(self) -> Position | None:
        """The position of the first that is not delivered; None: nothing waits."""
        waiting = [due.position for due in list(self._queue)[:1]]
        if self._badge_at is not None:
            waiting.append(self._badge_at)
        if self._read_upto is not None:
            waiting.append(Position(self._read_upto + 1))
        return min(waiting, default=None)

    def renew(self, addressee: Addressee) -> None:
        """The user has set the pusher again: it is tried at once."""
        self.addressee = addressee
        self._failures = self.retry_at_ms = 0

    def fail(self, reason: str) -> None:
        """What comes next has not been delivered; it is tried again later, or all that waits has waited too long."""
        now, settings = now_ms(self.around.clock), self.around.settings
        self._failures += 1
        if self.failing_since_ms is None:
            self.failing_since_ms = now
            log.info("a push gateway fails", url=self.addressee.pusher.url, reason=reason)
        elif now - self.failing_since_ms >= settings.give_up_seconds * 1000:
            log.warning("pushes were given up", url=self.addressee.pusher.url, reason=reason)
            self._skip_all()
        least, most = int(settings.retry_min_seconds * 1000), int(settings.retry_max_seconds * 1000)
        self.retry_at_ms = now + wait_ms(self._failures, least, most, self.around.dice())

    async def run(self) -> None:
        """All that waits is delivered, or it has to wait longer."""
        while not self.ended:
            if self._queue:
                is_done = await self._push_event(self._queue[0])
            elif self._read_upto is not None:
                is_done = await self._catch_up(self._read_upto)
            elif self._badge_at is not None:
                is_done = await self._push_badge(self._badge_at)
            else:
                return
            if not is_done:
                return

    async def _push_event(self, due: Due) -> bool:
        notice = await self.around.notices.of(due, self.addressee)
        if notice is not None and not await self._tell(notice):
            return False
        self._queue.popleft()
        self.cursor = max(self.cursor, due.position)
        return True

    async def _push_badge(self, position: Position) -> bool:
        unread = await self.around.badges.of(self.key[0])
        is_known = unread == self.around.told(self.key)
        if not is_known and not await self._tell(self.around.notices.badge(unread, self.addressee)):
            return False
        if self._badge_at == position:
            self._badge_at = None
        self.cursor = max(self.cursor, position)
        return True

    async def _catch_up(self, after: Position) -> bool:
        dues = self.around.dues
        upto = Position(min(dues.reached, after + PASS_MAX))
        found: list[Due] = []
        read_upto = upto
        async for due in dues.of(await dues.entries(after, upto), self.key[0]):
            if due.actions is None:
                self.add(due)
            elif len(found) == QUEUE_MAX:
                read_upto = found[-1].position
                break
            else:
                found.append(due)
        self._queue.extend(found)
        # What is handed out from here on comes after it.
        self._read_upto = None if read_upto >= dues.reached else read_upto
        if not found:
            self.cursor = max(self.cursor, read_upto)
        return True

    async def _tell(self, notice: JSONObject) -> bool:
        """Whether the gateway has taken it."""
        pusher = self.addressee.pusher
        try:
            answer = await self.around.gateways.notify(pusher.url, notice)
        except (PeerUnreachable, PeerFault) as failure:
            self.fail(str(failure))
            return False
        self._failures, self.failing_since_ms = 0, None
        if parse_rejected(answer, (pusher.name.pushkey,)):
            self.rejected = self.ended = True
            return False
        counts = notice["counts"]
        unread = counts.get("unread", 0) if isinstance(counts, dict) else 0
        self.around.note_told(self.key, unread if isinstance(unread, int) else 0)
        return True

    def _skip_all(self) -> None:
        self._queue.clear()
        self._badge_at = self._read_upto = self.failing_since_ms = None
        self.cursor = max(self.cursor, self.around.dues.reached)
