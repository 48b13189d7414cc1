"""
Answers a sync: at once when there is news, and otherwise as soon as there is some.

Spec: client-server-api#syncing
"""

from collections.abc import Sequence
from typing import Final

from attrs import define, field, frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.filters import Filter
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.presence import PresenceState
from homeserver.core.sync_tokens import SyncToken
from homeserver.services.clock import Clock, now_ms
from homeserver.services.ephemeral import EphemeralSerial
from homeserver.services.ignored_users import IgnoredUsers
from homeserver.services.log_tail import LogTail
from homeserver.services.memberships import Memberships
from homeserver.services.presence import PresenceBoard
from homeserver.services.sync.log_spans import ANYTHING, LogSpans
from homeserver.services.sync.section import SyncBody, SyncSection, SyncSpan
from homeserver.services.sync.settings import SyncSettings
from homeserver.services.unsigned import Unsigned
from homeserver.services.wakeups import Wakeups

CHOICES_MAX: Final = 1_000
"""Sets of kinds that happened together, of which is in memory who tells of them."""


@frozen
class SyncRequest:
    """What a client asks."""

    user_id: UserID
    device_id: DeviceID | None
    filter: Filter
    since: SyncToken | None = None
    timeout_ms: int = 0
    full_state: bool = False
    state_after: bool = False
    set_presence: PresenceState | None = None
    state_name: str = "state_after"
    """What the state after a timeline is called."""


@define(eq=False)
class Sync:
    """
    Asks the sections, in their order.

    Followers of the log's tail that the sections rest upon come before ``wakeups``: who is woken finds them up to date.
    """

    clock: Clock
    tail: LogTail
    serial: EphemeralSerial
    memberships: Memberships
    wakeups: Wakeups
    ignored: IgnoredUsers
    presence: PresenceBoard
    sections: Sequence[SyncSection]
    settings: SyncSettings = SyncSettings()
    unsigned: list[Unsigned] = field(factory=list)
    _spans: LogSpans = field(init=False)
    _sections_for: dict[frozenset[str], Sequence[SyncSection]] = field(init=False, factory=dict)
    """By the kinds of what happened, who may tell of it."""

    def __attrs_post_init__(self) -> None:
        self._spans = LogSpans(self.tail, self.settings.entries_max)

    async def answer(self, request: SyncRequest) -> JSONObject:
        """
        What is new since *request.since*, with the token to go on from.

        Without news it comes when the timeout is over.  A first sync, and one with the full state, never waits.
        """
        waits = request.since is not None and not request.full_state
        wait_ms = min(max(request.timeout_ms, 0), int(self.settings.timeout_max_seconds * 1000)) if waits else 0
        deadline = self.clock.seconds() + wait_ms / 1000
        rooms = await self.memberships.of(request.user_id)
        self.presence.syncing(request.user_id, request.device_id, request.set_presence, rooms, wait_ms)
        since = request.since
        with self.wakeups.listen(request.user_id) as bell:
            while True:
                bell.silence()
                if not self._is_quiet(since) or deadline <= self.clock.seconds():
                    body = await self._once(request, since)
                    if body.has_news or deadline <= self.clock.seconds():
                        return body.to_json()
                    # Nothing up to here was for this reader: what comes after is looked at alone.
                    since = body.next_batch
                await bell.wait(deadline - self.clock.seconds())

    def _is_quiet(self, since: SyncToken | None) -> bool:
        """Whether nothing at all has happened since then."""
        return (
            since is not None
            and since.owed is None
            and since.position == self.tail.head
            and since.serial == self.serial.head
        )

    async def _once(self, request: SyncRequest, since: SyncToken | None) -> SyncBody:
        rooms = self.memberships.cached(request.user_id) or await self.memberships.of(request.user_id)
        ignored = self.ignored.at_hand(request.user_id)
        if ignored is None:
            ignored = await self.ignored.of(request.user_id)
        # From here to the span there is no await: rooms and token belong together.
        rooms = self.memberships.cached(request.user_id) or rooms
        position = self.tail.head
        if since is not None and since.position > position:
            # Another process has seen more of the log than this one has.
            position = since.position
        span = SyncSpan(
            request.user_id,
            request.device_id,
            request.filter,
            since,
            SyncToken(position, self.serial.head),
            rooms,
            ANYTHING if since is None else self._spans.between(since.position, position),
            ignored,
            now_ms(self.clock),
            request.full_state,
            request.state_after,
            request.state_name,
            self.unsigned,
        )
        body = SyncBody(span)
        for section in self._asked(span):
            await section.write(span, body)
        return body

    def _asked(self, span: SyncSpan) -> Sequence[SyncSection]:
        """The sections that may have anything to tell; the same for most who wait for the same."""
        kinds = span.changes.kinds
        is_plain = (
            span.since is not None
            and span.since.owed is None
            and not span.full_state
            and span.changes.subjects is not None
            and span.rooms.changed_at <= span.since.position
        )
        if not is_plain:
            return self.sections
        asked = self._sections_for.get(kinds)
        if asked is None:
            if len(self._sections_for) >= CHOICES_MAX:
                self._sections_for.clear()
            chosen = (each for each in self.sections if each.tells_of is None or each.tells_of & kinds)
            asked = self._sections_for[kinds] = tuple(chosen)
        return asked
