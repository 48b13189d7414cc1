"""
What a user was notified of, or would have been.

Nothing is written for each event and user: the newest events of the user's rooms are held against the push rules when
somebody asks.  A page looks at so many events at most; where these hold too few, it is short and goes on.

Spec: client-server-api#listing-notifications
"""

from typing import Final, TypeAlias

from attrs import define, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.events import Event
from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.core.log import Position
from homeserver.core.push_rules.evaluation import Actions
from homeserver.core.receipts import READ_TYPES, ReadUpTo, read_up_to
from homeserver.core.timeline import Ordering, TimelineEvent, ordering_at
from homeserver.services.callers import Caller
from homeserver.services.client_events import ClientEvents
from homeserver.services.clock import Clock, now_ms
from homeserver.services.invite_rules import judge_invite
from homeserver.services.known_events import KnownEvents
from homeserver.services.log_tail import LogTail
from homeserver.services.memberships import Memberships
from homeserver.services.pushed_events import PushedEvents
from homeserver.services.rule_owners import RuleOwner, RuleOwners
from homeserver.services.sync.pacing import Pace
from homeserver.store import notable_events, reading
from homeserver.store.database import Database
from homeserver.store.memberships import Membership
from homeserver.store.notable_events import Notable

LIMIT_DEFAULT: Final = 20
LIMIT_MAX: Final = 100
LOOKED_AT_MAX: Final = 1_000
"""Events that one request looks at."""
PER_ROOM_MIN: Final = 20
PER_ROOM_MAX: Final = 200
"""Of one room; fewer where there are many rooms, in all about ``ROWS_MAX``."""
ROWS_MAX: Final = 10_000
EVENTS_AT_ONCE: Final = 20
"""Events that are read at once."""


@frozen(eq=False)
class _Reading:
    """A room as its reader stands to it."""

    row: Membership
    owner: RuleOwner
    read: ReadUpTo
    since: Ordering
    """What comes at or before it came before the reader did."""


_Readings: TypeAlias = dict[RoomID, _Reading]


@frozen(eq=False)
class Notified:
    """An event of which a user was notified, in a room where the user is by *row*."""

    row: Membership
    event: Event
    ordering: Ordering
    actions: Actions

    @property
    def event_id(self) -> EventID:
        return self.event.event_id


@frozen(eq=False)
class _Judged:
    actions: Actions
    is_read: bool


@define(eq=False)
class Notifications:
    """Lists them."""

    database: Database
    clock: Clock
    tail: LogTail
    known: KnownEvents
    memberships: Memberships
    owners: RuleOwners
    pushed: PushedEvents
    client_events: ClientEvents

    async def page(self, caller: Caller, before: Ordering | None, limit: int, *, only_highlights: bool) -> JSONObject:
        """At most *limit* of them before *before* (None: the newest), the newest first, for splicing."""
        upto = self.tail.head
        if before is None:
            before = ordering_at(Position(upto + 1))
        rows, notable, goes_on = await self._notable(caller.user_id, before)
        wanted = min(limit, LIMIT_MAX)
        readings: _Readings = {}
        found: list[JSON] = []
        pace = Pace(self.clock)
        reached = before
        invites = await self.invites(caller.user_id, LIMIT_MAX, before=before, not_before=goes_on)
        listed: list[Notable | Notified] = [*notable, *invites]
        listed.sort(key=lambda each: each.ordering, reverse=True)
        for start in range(0, len(listed), EVENTS_AT_ONCE):
            some = listed[start : start + EVENTS_AT_ONCE]
            events = await self.known.by_ids([each.event_id for each in some])
            for each in some:
                if len(found) == wanted:
                    return {"notifications": found, "next_token": f"n{reached}"}
                reached = each.ordering
                event = events.get(each.event_id)
                if event is None:
                    continue
                if isinstance(each, Notified):
                    shown = await self._shown_invite(each, event, only_highlights)
                else:
                    shown = await self._shown(rows[each.room_nid], event, readings, only_highlights, upto)
                if shown is not None:
                    found.append(shown)
            await pace.step()
        return {"notifications": found} if goes_on is None else {"notifications": found, "next_token": f"n{goes_on}"}

    async def unread(self, user_id: UserID, limit: int) -> list[Notified]:
        """At most *limit* of those that the user has not read, the newest first; LOOKED_AT_MAX events are looked at."""
        upto = self.tail.head
        rows, notable, _ = await self._notable(user_id, ordering_at(Position(upto + 1)))
        readings: _Readings = {}
        found: list[Notified] = []
        pace = Pace(self.clock)
        for start in range(0, len(notable), EVENTS_AT_ONCE):
            some = notable[start : start + EVENTS_AT_ONCE]
            events = await self.known.by_ids([each.event_id for each in some])
            for each in some:
                event, row = events.get(each.event_id), rows[each.room_nid]
                judged = None if event is None else await self._judged(row, event, readings, upto)
                if event is not None and judged is not None and not judged.is_read:
                    found.append(Notified(row, event.event, each.ordering, judged.actions))
                if len(found) == limit:
                    return found
            await pace.step()
        return found

    async def invites(
        self, user_id: UserID, limit: int, *, before: Ordering | None = None, not_before: Ordering | None = None
    ) -> list[Notified]:
        """
        Those of the last *limit* invites waiting for the user's answer that the user's rules tell of, newest first.

        *before*, *not_before*: only those that came before that place, and only those at that one or after it.
        """
        rows = [
            row
            for row in (await self.memberships.of(user_id)).rows.values()
            if row.membership == "invite"
            and (before is None or ordering_at(row.position) < before)
            and (not_before is None or ordering_at(row.position) >= not_before)
        ]
        rows.sort(key=lambda row: row.position, reverse=True)
        invites = await self.known.by_nids([row.event_nid for row in rows[:limit] if row.event_nid is not None])
        found = []
        for row in rows[:limit]:
            invite = None if row.event_nid is None else invites.get(row.event_nid)
            if invite is not None:
                actions = await judge_invite(self.owners, self.pushed, row, invite, self.tail.head)
                if actions.notify:
                    found.append(Notified(row, invite.event, ordering_at(row.position), actions))
        return found

    async def _notable(
        self, user_id: UserID, before: Ordering
    ) -> tuple[dict[int, Membership], list[Notable], Ordering | None]:
        joined = (await self.memberships.of(user_id)).joined
        rows = {row.room_nid: row for row in joined.values()}
        per_room = max(PER_ROOM_MIN, min(PER_ROOM_MAX, ROWS_MAX // max(1, len(rows))))
        notable, goes_on = await self.database.scan(
            notable_events.before, list(rows), user_id, before, per_room, LOOKED_AT_MAX
        )
        return rows, notable, goes_on

    async def _judged(
        self, row: Membership, event: TimelineEvent, readings: _Readings, upto: Position
    ) -> _Judged | None:
        """What the user's rules say, and whether the user has read it; None: it is no notification."""
        reading = readings.get(row.room_id)
        if reading is None:
            reading = readings[row.room_id] = await self._reading(row, upto)
        if event.ordering is None or event.ordering <= reading.since:
            return None
        pushed = self.pushed.cached(event) or await self.pushed.of(row.room_nid, event, upto)
        actions = await self.owners.judge(reading.owner, event, pushed.event, event.ordering)
        if not actions.notify:
            return None
        return _Judged(actions, reading.read.covers(pushed.thread_id, event.ordering))

    async def _shown(
        self, row: Membership, event: TimelineEvent, readings: _Readings, only_highlights: bool, upto: Position
    ) -> JSONObject | None:
        """The notification; None: the event is none."""
        judged = await self._judged(row, event, readings, upto)
        if judged is None or (only_highlights and not judged.actions.highlight):
            return None
        # Nothing from before the user came is a notification.
        return await self._listed(row, event, judged, "join")

    async def _shown_invite(self, invite: Notified, event: TimelineEvent, only_highlights: bool) -> JSONObject | None:
        if only_highlights and not invite.actions.highlight:
            return None
        return await self._listed(invite.row, event, _Judged(invite.actions, is_read=False), "invite")

    async def _listed(self, row: Membership, event: TimelineEvent, judged: _Judged, membership: str) -> JSONObject:
        copy = (await self.client_events.in_timeline(row.room_nid, [event]))[0]
        return {
            "actions": list(judged.actions.actions),
            "event": copy.render(now_ms(self.clock), membership),  # type: ignore[dict-item]
            "read": judged.is_read,
            "room_id": row.room_id,
            "ts": event.event.origin_server_ts,
        }

    async def _reading(self, row: Membership, upto: Position) -> _Reading:
        state = await self.database.read(reading.of_user_in, row.user_id, row.room_nid, upto)
        since = ordering_at(row.position if state.joined_since is None else state.joined_since)
        marks = [
            (receipt.thread_id, receipt.event_ordering)
            for receipt in state.receipts
            if receipt.type in READ_TYPES and receipt.event_ordering is not None
        ]
        return _Reading(row, await self.owners.of(row), read_up_to(marks, since), since)
