"""
Answers a sliding sync: at once when there is news, and otherwise as soon as there is some.

Spec: proposals/4186
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from attrs import define, evolve, frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.filters import DEFAULT_FILTER
from homeserver.core.identifiers import RoomID
from homeserver.core.log import Position
from homeserver.core.sliding.requests import SlidingRequest
from homeserver.core.sync_tokens import SlidingToken, SyncToken
from homeserver.services.callers import Caller
from homeserver.services.clock import Clock, now_ms
from homeserver.services.ephemeral import EphemeralSerial
from homeserver.services.ignored_users import IgnoredUsers
from homeserver.services.log_tail import LogTail
from homeserver.services.memberships import Memberships
from homeserver.services.presence import PresenceBoard
from homeserver.services.receipts import user_mark
from homeserver.services.refusals import UnknownPos
from homeserver.services.sliding.choices import asides, choose
from homeserver.services.sliding.entries import Entries, Told
from homeserver.services.sliding.extensions import ExtensionSpan, SlidingExtension
from homeserver.services.sliding.links import Link, Links, Memory, Sent, Step
from homeserver.services.sliding.room_filtering import RoomFiltering
from homeserver.services.sliding.room_orders import RoomOrder, RoomOrders
from homeserver.services.sliding.windows import Window, counted, picked
from homeserver.services.sync.lazy_members import SentMembers
from homeserver.services.sync.log_spans import ANYTHING, LogSpans
from homeserver.services.sync.section import SyncSpan
from homeserver.services.unsigned import Unsigned
from homeserver.services.wakeups import Wakeups
from homeserver.store import receipts
from homeserver.store.database import Database
from homeserver.store.sliding_connections import ConnectionName

CONFIGS_WEIGHT_MAX: Final = 10_000
"""Entries of states that one connection may want of its rooms, over all the different states."""
FAR: Final = 1_000
"""Changes of the whole server past which a client goes on from further on, though there was nothing for it."""


@frozen(eq=False)
class _Answer:
    """What is said, and what the connection is to remember; *upto*: where the client goes on."""

    upto: SyncToken
    body: JSONObject
    has_news: bool
    step: Step


@frozen(eq=False)
class KnownRooms(Collection[RoomID]):
    """The rooms that the client of a connection knows and its user is in; *only*: of these, None: all."""

    link: Link
    order: RoomOrder
    only: Collection[RoomID] | None = None

    def __contains__(self, room_id: object) -> bool:
        row = self.order.rooms.joined.get(room_id)  # type: ignore[call-overload]
        return row is not None and row.room_nid in self.link.sent and (self.only is None or room_id in self.only)

    def __iter__(self) -> Iterator[RoomID]:
        return (room_id for room_id in self.order.rooms.joined if room_id in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@define(eq=False)
class SlidingSync:
    """
    Asks the orders, the entries and the *extensions*.

    Followers of the log's tail that these rest upon come before ``wakeups``: who is woken finds them up to date.
    """

    database: Database
    clock: Clock
    tail: LogTail
    serial: EphemeralSerial
    memberships: Memberships
    wakeups: Wakeups
    ignored: IgnoredUsers
    presence: PresenceBoard
    orders: RoomOrders
    filtering: RoomFiltering
    links: Links
    entries: Entries
    sent_members: SentMembers
    spans: LogSpans
    extensions: Sequence[SlidingExtension]
    timeout_max_seconds: float
    unsigned: Sequence[Unsigned] = ()

    async def answer(self, caller: Caller, request: SlidingRequest) -> JSONObject:
        """
        What is new on the connection, with the token to go on from.

        Without news it comes when the timeout is over.  A first answer never waits.  Raises UnknownPos, Malformed.
        """
        name = ConnectionName(caller.user_id, caller.device_id or "", request.conn_id)
        link = self.links.new(name) if request.pos is None else await self.links.at(name, request.pos)
        wait_ms = min(request.timeout_ms, int(self.timeout_max_seconds * 1000)) if request.pos is not None else 0
        deadline = self.clock.seconds() + wait_ms / 1000
        rooms = await self.memberships.of(caller.user_id)
        self.presence.syncing(caller.user_id, caller.device_id, request.set_presence, rooms, wait_ms)
        link.turn += 1
        turn, lists = link.turn, _signature(request)
        # Who asks for other lists wants to know how long they are.
        is_due = link.lists not in (None, lists)
        link.lists = lists
        with self.wakeups.listen(caller.user_id) as bell:
            while True:
                bell.silence()
                answer = await self._once(caller, request, link)
                if link.turn != turn:
                    return self._nothing(request)
                if answer.has_news or is_due or deadline <= self.clock.seconds():
                    return await self._given(request, link, answer)
                await bell.wait(deadline - self.clock.seconds())
                if link.turn != turn:
                    return self._nothing(request)

    def _nothing(self, request: SlidingRequest) -> JSONObject:
        """For a client that has asked again since: it does not look at this."""
        return {"pos": str(request.pos), "lists": {}, "rooms": {}, "extensions": {}}

    async def _given(self, request: SlidingRequest, link: Link, answer: _Answer) -> JSONObject:
        """The answer, which the connection remembers as far as it must."""
        generation, upto = link.generation, answer.upto
        if answer.step.sent or answer.step.memory != link.memory:
            far = request.pos is None or upto.position - request.pos.since.position > FAR
            if answer.has_news or far:
                await self.links.keep(link, answer.step)
                generation = link.latest
            elif request.pos is not None:
                # Nothing was said: the client may as well stay where it was, and nothing need be written.
                upto = request.pos.since
        elif self.links.is_overdue(link):
            await self.links.keep(link, answer.step)
            generation = link.latest
        body: JSONObject = {"pos": str(SlidingToken(upto, link.nid, generation)), **answer.body}
        if request.txn_id is not None:
            body["txn_id"] = request.txn_id
        return body

    async def _once(self, caller: Caller, request: SlidingRequest, link: Link) -> _Answer:
        user_id, since = caller.user_id, None if request.pos is None else request.pos.since
        order = await self.orders.of(user_id)
        await self.filtering.refresh(order)
        matching = {name: await self.filtering.matching(order, each.filters) for name, each in request.lists.items()}
        ignored = await self.ignored.of(user_id)
        order = await self.orders.of(user_id)
        # From here to the choice there is no await: order, rooms and token belong together.
        upto = order.upto if since is None else Position(max(order.upto, since.position))
        span = SyncSpan(
            user_id,
            caller.device_id,
            DEFAULT_FILTER,
            since,
            SyncToken(upto, self.serial.head),
            order.rooms,
            ANYTHING if since is None else self.spans.between(since.position, upto),
            ignored,
            now_ms(self.clock),
            unsigned=self.unsigned,
            connection=request.conn_id,
        )
        windows = [Window(name, each.ranges, matching[name]) for name, each in request.lists.items()]
        counts: JSONObject = {window.name: {"count": counted(order, window)} for window in windows}
        choice = choose(span, order, request, link, picked(order, windows), self.entries.timeline_max)
        read = await self._read_elsewhere(span)
        self.sent_members.begin(span)
        told = await self.entries.write(span, [*choice.picks, *asides(span, order, link, choice.picks, read)])
        rooms: JSONObject = {each.pick.row.room_id: each.entry for each in told if each.entry is not None}
        enabled, extensions, has_news = await self._extend(span, order, request, link, told, matching)
        sent = {**choice.behind, **_now_sent(link, told, choice.numbers)}
        memory = _without_unused(evolve(choice.memory, extensions=enabled), link, sent)
        body: JSONObject = {"lists": counts, "rooms": rooms, "extensions": extensions}
        return _Answer(span.upto, body, bool(rooms) or has_news, Step(sent, memory))

    async def _read_elsewhere(self, span: SyncSpan) -> Collection[str]:
        """The rooms of which the user has read something since."""
        if span.since is None:
            return ()
        rooms = span.changes.read_by(user_mark(span.user_id))
        if rooms is None:
            own = await self.database.read(receipts.of_user, span.user_id)
            return {receipt.room_id for receipt in own if receipt.position > span.after}
        return rooms

    async def _extend(
        self,
        span: SyncSpan,
        order: RoomOrder,
        request: SlidingRequest,
        link: Link,
        told: Sequence[Told],
        matching: Mapping[str, Collection[RoomID] | None],
    ) -> tuple[frozenset[str], JSONObject, bool]:
        """Which extensions are on, what they say, and whether any of it is news."""
        enabled = {each for each in self.extensions if request.extensions.get(each.name, {}).get("enabled") is True}
        new_rooms = {each.pick.row.room_id: each.first for each in told if each.is_new and each.entry is not None}
        answers: JSONObject = {}
        has_news = False
        for extension in self.extensions:
            if extension not in enabled:
                continue
            wishes = request.extensions[extension.name]
            only = _only(request, wishes, matching)
            here = {
                room_id: first
                for room_id, first in new_rooms.items()
                if room_id in span.rooms.joined and (only is None or room_id in only)
            }
            is_new = span.since is None or extension.name not in link.memory.extensions
            ask = ExtensionSpan(span, wishes, KnownRooms(link, order, only), here, is_new)
            answer = await extension.answer(ask)
            has_news |= answer.has_news
            if answer.content is not None:
                answers[extension.name] = answer.content
        return frozenset(each.name for each in enabled), answers, has_news


def _signature(request: SlidingRequest) -> object:
    """What makes a list another one."""
    return {name: (each.filters, each.ranges) for name, each in request.lists.items()}


def _now_sent(link: Link, told: Sequence[Told], numbers: Sequence[int]) -> dict[int, Sent]:
    """What the client has of the rooms once the answer arrives, where that is something else."""
    sent: dict[int, Sent] = {}
    for index, each in enumerate(told):
        pick = each.pick
        if pick.aside and pick.sent is not None:
            now = evolve(pick.sent, is_dm=pick.is_dm)
        else:
            now = Sent(None, each.events, numbers[index], pick.is_dm)
        if now != link.sent.get(pick.row.room_nid):
            sent[pick.row.room_nid] = now
    return sent


def _without_unused(memory: Memory, link: Link, sent: Mapping[int, Sent]) -> Memory:
    """Configs that no room was sent by are forgotten once there are many.  Raises UnknownPos where none can be."""
    if memory.weight <= CONFIGS_WEIGHT_MAX:
        return memory
    used = {each.config for each in ({**link.sent, **sent}).values()}
    less = evolve(memory, configs={number: each for number, each in memory.configs.items() if number in used})
    if less.weight > CONFIGS_WEIGHT_MAX:
        raise UnknownPos
    return less


def _only(
    request: SlidingRequest,
    wishes: JSONObject,
    matching: Mapping[str, Collection[RoomID] | None],
) -> Collection[RoomID] | None:
    """The rooms that an extension is to tell of; None: all."""
    lists, rooms = wishes.get("lists"), wishes.get("rooms")
    if not isinstance(lists, list) and not isinstance(rooms, list):
        return None
    only: set[RoomID] = set()
    for name in matching if not isinstance(lists, list) or "*" in lists else lists:
        if name in matching:
            found = matching[str(name)]
            if found is None:
                return None
            only.update(found)
    subscribed = set(request.subscriptions)
    if isinstance(rooms, list) and "*" not in rooms:
        subscribed.intersection_update(RoomID(str(room)) for room in rooms)
    return only | subscribed
