"""
The inbox: what other servers send is checked, completed, judged and stored before they are answered.

Spec: server-server-api#transactions
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import structlog
from attrs import define, field, frozen
from twisted.internet.defer import DeferredLock

from federation.core.edus import parse_edu
from federation.core.transactions import Transaction
from federation.services.access import Access
from federation.services.ancestry import Ancestry
from federation.services.entering import Entering
from federation.services.invitations import Invitations
from federation.services.pdu_checks import PduChecks
from federation.services.sharing import Shared, Turn
from homeserver.core.canonical import JSONObject
from homeserver.core.events import Event
from homeserver.core.hashes import intact_or_redacted
from homeserver.core.identifiers import EventID, RoomID, ServerName, parse_room_id
from homeserver.core.malformed import Malformed
from homeserver.core.pdu import claimed_event_id, parse_pdu
from homeserver.core.timeline import Status
from homeserver.core.verdicts import Denied
from homeserver.services.acceptance import Acceptance, Begun, MissingEvents
from homeserver.services.admission import RoomMoved
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRooms
from homeserver.services.ports import PeerFault, PeerUnreachable
from homeserver.services.refusals import Refusal
from homeserver.services.room_states import RoomState

log = structlog.get_logger(__name__)

EduReceiver = Callable[[ServerName, Any], Awaitable[None]]
"""What takes a parsed EDU of one type from the server that sent it."""

ANSWERS_MAX: Final = 1_000
"""Transactions whose answers are remembered, for senders that ask again."""
GAPS_MAX: Final = 10
"""Events in one gap whose state before is asked for."""


@frozen
class _Taken:
    """An event on its way to the disk, and the state before it where the sender told it."""

    event: Event
    begun: Begun
    told: RoomState | None = None


@define(eq=False)
class Inbox:
    """Takes transactions.  *receivers*: by the class of the parsed EDU."""

    checks: PduChecks
    ancestry: Ancestry
    acceptance: Acceptance
    known: KnownEvents
    live_rooms: LiveRooms
    access: Access
    entering: Entering
    invitations: Invitations
    receivers: Mapping[type, EduReceiver]
    _answers: OrderedDict[tuple[ServerName, str], JSONObject] = field(init=False, factory=OrderedDict)
    _under_way: Shared[tuple[ServerName, str], JSONObject] = field(init=False, factory=Shared)
    _origins: dict[ServerName, DeferredLock] = field(init=False, factory=dict)
    _rooms: dict[RoomID, DeferredLock] = field(init=False, factory=dict)

    async def receive(self, origin: ServerName, transaction_id: str, transaction: Transaction) -> JSONObject:
        """
        What the transaction holds is stored; answers, by event ID, what became of each PDU.

        The same again for a transaction that was taken before.
        """
        name = (origin, transaction_id)
        answered = self._answers.get(name)
        if answered is not None:
            return answered
        return await self._under_way.run(name, lambda: self._receive_in_turn(name, transaction))

    async def _receive_in_turn(self, name: tuple[ServerName, str], transaction: Transaction) -> JSONObject:
        # A server sends one transaction after the other; one that does not gets no more of our time for it.
        async with Turn(self._origins, name[0]):
            return await self._receive(name, transaction)

    async def _receive(self, name: tuple[ServerName, str], transaction: Transaction) -> JSONObject:
        origin, _ = name
        by_room: dict[RoomID, list[JSONObject]] = {}
        for pdu in transaction.pdus:
            room_id = _room_of(pdu)
            if room_id is not None:
                by_room.setdefault(room_id, []).append(pdu)
        results: JSONObject = {}
        for room_id, pdus in by_room.items():
            results.update(await self._take_room(origin, room_id, pdus))
        for edu in transaction.edus:
            await self._take_edu(origin, edu)
        answer: JSONObject = {"pdus": results}
        self._answers[name] = answer
        while len(self._answers) > ANSWERS_MAX:
            self._answers.popitem(last=False)
        return answer

    async def _take_room(self, origin: ServerName, room_id: RoomID, pdus: Sequence[JSONObject]) -> JSONObject:
        await self.entering.settled(room_id)
        room = await self.live_rooms.find(room_id)
        if room is None or self.acceptance.server not in room.servers:
            return await self._take_elsewhere(origin, room_id, pdus)
        events: list[Event] = []
        results: JSONObject = {}
        for pdu in pdus:
            try:
                events.append(parse_pdu(pdu, room.version))
            except Malformed as malformed:
                log.info("dropped a malformed event", room=room_id, origin=origin, reason=str(malformed))
                event_id = claimed_event_id(pdu, room.version)
                if event_id is not None:
                    results[event_id] = {"error": f"The event is malformed: {malformed}"}
        if not await self.access.admits(room, origin):
            denied = f"{origin} is denied by this room's ACL."
            return {event_id: {"error": denied} for event_id in (*results, *(event.event_id for event in events))}
        verdicts = await self.checks.ring.verify_events(events)
        results |= {
            event.event_id: {"error": f"The event is not signed as it must be: {verdict.rule}."}
            for event, verdict in zip(events, verdicts, strict=True)
            if isinstance(verdict, Denied)
        }
        sound = [intact_or_redacted(event) for event, verdict in zip(events, verdicts, strict=True) if verdict]
        async with Turn(self._rooms, room_id):
            results.update(await self._take_events(origin, sound))
        return results

    async def _take_elsewhere(self, origin: ServerName, room_id: RoomID, pdus: Sequence[JSONObject]) -> JSONObject:
        """Of a room that nobody here is in, all that concerns us is that a user is not invited any more."""
        results: JSONObject = {}
        for pdu in pdus:
            try:
                withdrawal = await self.invitations.withdraw(room_id, pdu)
            except (Malformed, Refusal) as refusal:
                log.info("dropped an event of a room that nobody here is in", origin=origin, reason=str(refusal))
                continue
            results[withdrawal.event_id] = {}
        return results

    async def _take_events(self, origin: ServerName, events: Sequence[Event]) -> JSONObject:
        results: JSONObject = {}
        taken: list[_Taken] = []
        # Senders list what comes first first; where one does not, nobody needs to be asked for what is here.
        for event in sorted(events, key=lambda each: each.depth):
            try:
                taken.append(await self._take(origin, event))
            except (MissingEvents, PeerUnreachable, PeerFault) as error:
                log.info("could not complete an event", event_id=event.event_id, origin=origin, reason=str(error))
                results[event.event_id] = {"error": "What this event refers to could not be had."}
        for each in taken:
            rejected = await self._written(each) is Status.REJECTED
            results[each.event.event_id] = {"error": "The rules of the room reject this event."} if rejected else {}
        return results

    async def _written(self, taken: _Taken) -> Status:
        try:
            await taken.begun.written
        except RoomMoved:
            # Another process was quicker in the room.
            return await self.acceptance.accept(taken.event, taken.told)
        return taken.begun.status

    async def _take(self, origin: ServerName, event: Event) -> _Taken:
        """The event is judged, once what it refers to has been fetched.  Raises MissingEvents, PeerFault …"""
        try:
            return _Taken(event, await self.acceptance.begin(event))
        except MissingEvents as missing:
            await self._complete(origin, event, missing.event_ids)
        try:
            return _Taken(event, await self.acceptance.begin(event))
        except MissingEvents:
            return await self._take_by_told_state(origin, event)

    async def _complete(self, origin: ServerName, event: Event, missing: frozenset[EventID]) -> None:
        if missing & {*event.auth_events}:
            try:
                await self.ancestry.bring_auth_events(origin, event)
            except PeerFault as fault:
                # They may be among what the event follows.
                log.info("what an event cites is not told", event_id=event.event_id, reason=str(fault))
        # What is missing of its past was not looked at, if what it cites was missing.
        if not await self.known.without_place(event.prev_events):
            return
        room = await self.live_rooms.load(event.room_id)
        taken: list[_Taken] = []
        gaps = 0
        for earlier in await self.ancestry.missing_before(origin, event, list(room.extremities)):
            try:
                taken.append(_Taken(earlier, await self.acceptance.begin(earlier)))
            except MissingEvents:
                gaps += 1
                if gaps <= GAPS_MAX:
                    taken += await self._take_after_gap(origin, earlier)
        for each in taken:
            await self._written(each)

    async def _take_after_gap(self, origin: ServerName, event: Event) -> Sequence[_Taken]:
        try:
            return (await self._take_by_told_state(origin, event),)
        except (MissingEvents, PeerFault) as error:
            log.info("could not complete an event", event_id=event.event_id, origin=origin, reason=str(error))
            return ()

    async def _take_by_told_state(self, origin: ServerName, event: Event) -> _Taken:
        present = await self.known.by_ids(event.auth_events)
        if len(present) < len(set(event.auth_events)):
            await self.ancestry.bring_auth_events(origin, event)
            try:
                return _Taken(event, await self.acceptance.begin(event))
            except MissingEvents as missing:
                log.debug("an event needs a state to be told", event_id=event.event_id, missing=str(missing))
        told = await self.ancestry.state_before(origin, event.room_id, event.version, event.event_id)
        return _Taken(event, await self.acceptance.begin(event, told), told)

    async def _take_edu(self, origin: ServerName, edu: JSONObject) -> None:
        try:
            parsed = parse_edu(edu, origin)
        except Malformed as malformed:
            log.info("dropped a malformed EDU", origin=origin, reason=str(malformed))
            return
        receiver = self.receivers.get(type(parsed))
        if receiver is None:
            return
        try:
            await receiver(origin, parsed)
        except (Malformed, Refusal, PeerFault, PeerUnreachable) as error:
            # What one EDU says must not stop the rest of the transaction, nor those after it.
            log.info("an EDU came to nothing", origin=origin, kind=type(parsed).__name__, reason=str(error))


def _room_of(pdu: JSONObject) -> RoomID | None:
    try:
        return parse_room_id(pdu.get("room_id"))
    except Malformed:
        return None
