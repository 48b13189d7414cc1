"""
How much each user has not read of each room.

Nothing is written for each message and reader.  A tally counts up to some event; who asks later holds the events after
it against the push rules that the user had when they came, and adds.  Tallies are in memory, and put down now and then,
so that after a restart nobody counts from the beginning; other rules change nothing of what was counted.

Where many wait for the same message, all that counting it takes is in memory: then nobody is waited for.

Spec: client-server-api#receiving-notifications
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import define, evolve, field, frozen

from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.core.log import ACCOUNT_DATA, RECEIPT, REDACTED, THREAD_SUBSCRIPTION, LogEntry, Position
from homeserver.core.push_rules.conditions import RuleReader
from homeserver.core.push_rules.evaluation import CompiledRules
from homeserver.core.receipts import READ_TYPES, ReadUpTo, read_up_to
from homeserver.core.relations import MAIN_THREAD
from homeserver.core.timeline import Ordering, TimelineEvent, ordering_at
from homeserver.core.unread import NOTHING, Count, Tally, Unread
from homeserver.services.ignored_users import IgnoredUsers
from homeserver.services.known_events import KnownEvents
from homeserver.services.ports import SubscribedThreads
from homeserver.services.push_rules import PushRuleBook, RulesInForce
from homeserver.services.pushed_events import Pushed, PushedEvents
from homeserver.services.receipts import user_mark
from homeserver.services.recent_events import KEPT, RecentEvents, Stretch
from homeserver.services.threads import Threads
from homeserver.services.unread_keeping import Key, UnreadKeeping
from homeserver.store import reading, windows
from homeserver.store.database import Database
from homeserver.store.memberships import Membership
from homeserver.store.receipts import StoredReceipt
from homeserver.store.unread import StoredCount
from homeserver.store.windows import MEMBER, Sketch

COUNTED_MAX: Final = 20_000
"""Of a room's events that were not counted yet, so many are when somebody asks, the newest; the rest is left out."""
PAGE: Final = 50
"""Events that are read at once when many are counted: a tenth of a millisecond each."""
TALLIES_MAX: Final = 200_000
MOVED_MAX: Final = 100_000
PURGES_MAX: Final = 10_000
REDACTION: Final = "m.room.redaction"


@define(eq=False)
class UnreadCounts:
    """Counts, for who asks."""

    database: Database
    known: KnownEvents
    recent: RecentEvents
    threads: Threads
    pushed: PushedEvents
    push_rules: PushRuleBook
    ignored: IgnoredUsers
    keeping: UnreadKeeping
    subscribed: SubscribedThreads | None = None
    _held: OrderedDict[Key, "_Held"] = field(init=False, factory=OrderedDict)
    _moved: set[tuple[RoomID, int]] = field(init=False, factory=set)
    """Rooms and users whose receipts have moved since they were looked at; of a user the mark."""
    _forgotten: int = field(init=False, default=0)
    """Counts tallies that are not right any more."""
    _redactions: int = field(init=False, default=0)
    _purges: dict[int, int] = field(init=False, factory=dict)
    """By the room's nid, how often some of it was purged."""

    async def of(self, row: Membership, upto: Position) -> Unread:
        """What the joined user of *row* has not read of the room, as it is after *upto*."""
        key = (row.user_id, row.room_nid)
        held = await self._current(key, row, upto)
        tally = held.tally
        if tally.upto < ordering_at(upto):
            tally = await self._counted(key, row, held.reader, tally, upto)
        return tally.unread

    def at_hand(self, row: Membership, upto: Position) -> Unread | None:
        """The same if all that it takes is in memory; else None."""
        key = (row.user_id, row.room_nid)
        held = self._held.get(key)
        if held is None or not self._is_good(held, row):
            return None
        tally, end = held.tally, ordering_at(upto)
        if tally.upto < end:
            window = self.recent.at_hand(Stretch(row.room_nid, row.room_id, tally.upto, end, KEPT))
            counts = dict(tally.counts)
            if window is None or not all(self._take(held.reader, tally.read, counts, each) for each in window.events):
                return None
            tally = held.tally = self.keeping.consider(key, tally.counted(end, counts, len(window.events)))
        self._held.move_to_end(key)
        return tally.unread

    async def has_read(self, row: Membership, thread_id: str, ordering: Ordering, upto: Position) -> bool:
        """Whether a receipt of the joined user of *row* covers the event there, or it came before the user did."""
        held = await self._current((row.user_id, row.room_nid), row, upto)
        return held.tally.read.covers(thread_id, ordering)

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """Receipts of local users that moved are read anew."""
        for entry in entries:
            if entry.kind == RECEIPT and entry.ref is not None:
                if len(self._moved) >= MOVED_MAX:
                    self._moved.clear()
                    self._held.clear()
                self._moved.add((RoomID(entry.subject), entry.ref))
            elif entry.kind == THREAD_SUBSCRIPTION and entry.ref is not None:
                # Other events notify the user now, of those that were counted already too.
                key = (UserID(entry.subject), entry.ref)
                self._forgotten += 1
                self._held.pop(key, None)
                self.keeping.forget(key)
            elif entry.kind == REDACTED:
                # It may be the name that a reader is called by.
                self._redactions += 1
            elif entry.kind == ACCOUNT_DATA:
                # It may be whom the user ignores.
                self.keeping.forget_user(UserID(entry.subject))

    def forget_messages(self, room_id: RoomID, room_nid: int) -> None:
        """What is gone from the room counts no more."""
        if len(self._purges) >= PURGES_MAX:
            self._purges.clear()
            self._held.clear()
        self._purges[room_nid] = self._purges.get(room_nid, 0) + 1
        self._forgotten += 1
        self.keeping.forget_room(room_id, room_nid)

    async def _current(self, key: Key, row: Membership, upto: Position) -> "_Held":
        """The tally, which knows of the user's newest receipts and of whom they ignore now, for the rules of now."""
        held = self._held.get(key)
        if held is not None and self._is_good(held, row):
            self._held.move_to_end(key)
            return held
        purges = self._purges.get(row.room_nid, 0)
        reader = await self._reader(row)
        known = None if held is None or held.purges != purges else held.tally
        # Before the read: what moves from here on is seen the next time.
        self._moved.discard((row.room_id, user_mark(row.user_id)))
        state = await self.database.read(reading.of_user_in, row.user_id, row.room_nid, upto)
        marks = _marks(state.receipts)
        since = ordering_at(state.joined_since if state.joined_since is not None else row.position)
        read = read_up_to(marks, since)
        if held is None or known is None:
            tally = _put_down(state.counts, Tally(marks, read, row.position, read.everywhere, {}))
        else:
            tally = known.reread(marks, read, row.position)
            if reader.ignored != held.reader.ignored:
                tally = tally.restarted()
        return self._keep(key, _Held(tally, reader, purges))

    def _is_good(self, held: "_Held", row: Membership) -> bool:
        """Whether the user's receipts and membership are those that the tally knows of, and they those it is for."""
        return (
            held.tally.row_position == row.position
            and not (self._moved and (row.room_id, user_mark(row.user_id)) in self._moved)
            and self._is_up_to_date(held.reader)
            and held.purges == self._purges.get(row.room_nid, 0)
        )

    async def _counted(self, key: Key, row: Membership, reader: "_Reader", tally: Tally, upto: Position) -> Tally:
        """The tally up to *upto*."""
        end, forgotten, purges = ordering_at(upto), self._forgotten, self._purges.get(row.room_nid, 0)
        window = await self.recent.latest(Stretch(row.room_nid, row.room_id, tally.upto, end, KEPT))
        if window.limited:
            counts, looked = await self._long_walk(row, reader, tally, upto)
        else:
            looked = len(window.events)
            counts = await self._walk(row, reader, tally, window.events, upto) if looked else tally.counts
        if counts is None:
            # Something that was counted is no more.
            return await self._counted(key, row, reader, tally.restarted(), upto)
        after = tally.counted(end, counts, looked)
        if forgotten != self._forgotten:
            return after
        after = self.keeping.consider(key, after)
        known = self._held.get(key)
        # Another request of the user's may have come further meanwhile.
        if known is None or known.tally.upto <= after.upto:
            self._keep(key, _Held(after, reader, purges))
        return after

    def _keep(self, key: Key, held: "_Held") -> "_Held":
        self._held[key] = held
        self._held.move_to_end(key)
        while len(self._held) > TALLIES_MAX:
            self._held.popitem(last=False)
        return held

    async def _long_walk(
        self, row: Membership, reader: "_Reader", tally: Tally, upto: Position
    ) -> tuple[Mapping[str, Count] | None, int]:
        """As ``_walk`` over many events, of which only those are read that matter; and how many there were."""
        end, looked = ordering_at(upto), 0
        counts: Mapping[str, Count] | None = tally.counts
        place = await self.database.scan(windows.place_back, row.room_nid, tally.upto, end, COUNTED_MAX)
        while counts is not None:
            # In a thread: so others go on between the pages.
            page = await self.database.scan(windows.sketches, row.room_nid, place, end, PAGE)
            wanted = _worth_reading(page, row.user_id, bool(counts))
            events = await self.known.by_ids(wanted)
            found = [events[event_id] for event_id in wanted if event_id in events]
            counts = await self._walk(row, reader, evolve(tally, counts=counts), found, upto)
            looked += len(page)
            if len(page) < PAGE:
                break
            place = page[-1].ordering
        return counts, looked

    async def _walk(
        self, row: Membership, reader: "_Reader", tally: Tally, events: Iterable[TimelineEvent], upto: Position
    ) -> Mapping[str, Count] | None:
        """
        The counts of *tally* with *events*, oldest first, added.

        None when one of them redacts what may have been counted: then all must be counted anew.
        """
        counts = dict(tally.counts)
        for event in events:
            if self._take(reader, tally.read, counts, event):
                continue
            if event.event.sender == row.user_id:
                # Who says something has read what was said.
                counts.pop(await self.threads.of(event.event), None)
            elif event.event.type == REDACTION and counts and await self._uncounts(tally, event):
                return None
            else:
                pushed = await self.pushed.of(row.room_nid, event, upto)
                rules = await self.push_rules.at(row.user_id, event.ordering)
                _judge(rules, reader, tally.read, counts, event, pushed)
        return counts

    def _take(self, reader: "_Reader", read: ReadUpTo, counts: dict[str, Count], event: TimelineEvent) -> bool:
        """Whether the event is added to *counts*; False: something must be looked up for it."""
        pdu = event.event
        if pdu.sender == reader.reader.user_id:
            # A change of the profile says nothing.
            return not counts or pdu.type == MEMBER
        if event.redacted_by is not None or pdu.sender in reader.ignored or event.ordering is None:
            return pdu.type != REDACTION or not counts
        pushed = self.pushed.cached(event)
        if pushed is None or event.ordering < reader.since or (pdu.type == REDACTION and counts):
            return False
        _judge(reader.rules, reader, read, counts, event, pushed)
        return True

    async def _reader(self, row: Membership) -> "_Reader":
        redactions = self._redactions
        in_force = await self.push_rules.in_force(row.user_id)
        ignored = await self.ignored.of(row.user_id)
        threads = None if self.subscribed is None else await self.subscribed.of(row.user_id, row.room_nid)
        reader = RuleReader(row.user_id, await self._display_name(row), threads)
        return _Reader(reader, in_force, in_force.compiled, in_force.since, ignored, redactions)

    def _is_up_to_date(self, reader: "_Reader") -> bool:
        """Whether the user's rules are still those; who is not in memory is looked up anew."""
        user_id = reader.reader.user_id
        return (
            reader.in_force is self.push_rules.at_hand(user_id)
            and reader.ignored is self.ignored.at_hand(user_id)
            and reader.redactions == self._redactions
        )

    async def _uncounts(self, tally: Tally, redaction: TimelineEvent) -> bool:
        """Whether a redaction took away what *tally* may have counted."""
        redacts = redaction.event.redacts
        target = None if redacts is None else await self.known.by_id(EventID(redacts))
        return (
            target is not None
            and target.redacted_by is not None
            and target.ordering is not None
            and tally.read.everywhere < target.ordering <= tally.upto
        )

    async def _display_name(self, row: Membership) -> str | None:
        if row.event_nid is None:
            return None
        member = (await self.known.by_nids((row.event_nid,))).get(row.event_nid)
        name = None if member is None else member.event.content.get("displayname")
        return name if isinstance(name, str) else None


@frozen(eq=False)
class _Reader:
    """
    Whose rules events are held against.

    *rules*: for what comes at *since* or after it, taken from those *in_force*.  *redactions*: how many there had been.
    """

    reader: RuleReader
    in_force: RulesInForce
    rules: CompiledRules
    since: Ordering
    ignored: frozenset[UserID]
    redactions: int


@define(eq=False)
class _Held:
    """A tally, and for whom it was counted.  *purges*: of the room, before it began."""

    tally: Tally
    reader: _Reader
    purges: int


def _judge(
    rules: CompiledRules,
    reader: _Reader,
    read: ReadUpTo,
    counts: dict[str, Count],
    event: TimelineEvent,
    pushed: Pushed,
) -> None:
    """The event is added to *counts*, if it notifies by *rules* and is not read."""
    if event.redacted_by is not None or event.event.sender in reader.ignored or event.ordering is None:
        return
    if read.covers(pushed.thread_id, event.ordering):
        return
    actions = rules.judge(pushed.event, reader.reader)
    if actions.notify:
        counts[pushed.thread_id] = counts.get(pushed.thread_id, NOTHING).with_event(actions)


def _marks(stored: Iterable[StoredReceipt]) -> frozenset[tuple[str, Ordering]]:
    return frozenset(
        (receipt.thread_id, receipt.event_ordering)
        for receipt in stored
        if receipt.type in READ_TYPES and receipt.event_ordering is not None
    )


def _put_down(stored: Iterable[StoredCount], tally: Tally) -> Tally:
    """*tally* with what was counted and put down, if that is still good."""
    by_thread = {count.thread_id or MAIN_THREAD: count for count in stored}
    main = by_thread.get(MAIN_THREAD)
    if main is None or main.upto < tally.read.everywhere:
        return tally
    counts = {
        thread: Count(count.notify, count.highlight)
        for thread, count in by_thread.items()
        if count.notify and tally.read.of(thread) < main.upto
    }
    return evolve(tally, upto=main.upto, counts=counts)


def _worth_reading(sketches: Iterable[Sketch], user_id: UserID, any_counted: bool) -> list[EventID]:
    """Those that may count, and the user's own that may end counting: before anything counts, these end nothing."""
    wanted: list[EventID] = []
    for sketch in sketches:
        if sketch.sender == user_id:
            if (any_counted or wanted) and sketch.type != MEMBER:
                wanted.append(sketch.event_id)
        elif not sketch.is_redacted:
            wanted.append(sketch.event_id)
    return wanted
