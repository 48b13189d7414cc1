"""
The inbox: what other servers send is checked, completed, judged and stored before they are answered.

Spec: server-server-api#transactions
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import structlog
from attrs import define, field
from twisted.internet.defer import DeferredLock

from federation.core.edus import parse_edu
from federation.core.transactions import Transaction
from federation.services.ancestry import Ancestry
from federation.services.pdu_checks import PduChecks
from federation.services.sharing import Shared
from homeserver.core.canonical import JSONObject
from homeserver.core.events import Event
from homeserver.core.hashes import intact_or_redacted
from homeserver.core.identifiers import EventID, RoomID, ServerName, parse_room_id
from homeserver.core.malformed import Malformed
from homeserver.core.pdu import parse_pdu
from homeserver.core.server_acl import server_acl_of
from homeserver.core.timeline import Status
from homeserver.core.verdicts import Denied
from homeserver.services.acceptance import Acceptance, Begun, MissingEvents
from homeserver.services.admission import RoomMoved
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.ports import PeerFault, PeerUnreachable

log = structlog.get_logger(__name__)

EduReceiver = Callable[[ServerName, Any], Awaitable[None]]
"""What takes a parsed EDU of one type from the server that sent it."""

ANSWERS_MAX: Final = 1_000
"""Transactions whose answers are remembered, for senders that ask again."""
GAPS_MAX: Final = 10
"""Events in one gap whose state before is asked for."""


@define(eq=False)
class Inbox:
    """Takes transactions.  *receivers*: by the class of the parsed EDU."""

    checks: PduChecks
    ancestry: Ancestry
    acceptance: Acceptance
    known: KnownEvents
    live_rooms: LiveRooms
    receivers: Mapping[type, EduReceiver]
    _answers: OrderedDict[tuple[ServerName, str], JSONObject] = field(init=False, factory=OrderedDict)
    _under_way: Shared[tuple[ServerName, str], JSONObject] = field(init=False, factory=Shared)
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
        return await self._under_way.run(name, lambda: self._receive(name, transaction))

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
        room = await self.live_rooms.find(room_id)
        if room is None or self.acceptance.server not in room.servers:
            log.info("dropped events of a room that nobody here is in", room=room_id, origin=origin)
            return {}
        events: list[Event] = []
        for pdu in pdus:
            try:
                events.append(parse_pdu(pdu, room.version))
            except Malformed as malformed:
                log.info("dropped a malformed event", room=room_id, origin=origin, reason=str(malformed))
        if not await self.admits(room, origin):
            return {event.event_id: {"error": f"{origin} is denied by this room's ACL."} for event in events}
        verdicts = await self.checks.ring.verify_events(events)
        results: JSONObject = {
            event.event_id: {"error": f"The event is not signed as it must be: {verdict.rule}."}
            for event, verdict in zip(events, verdicts, strict=True)
            if isinstance(verdict, Denied)
        }
        sound = [intact_or_redacted(event) for event, verdict in zip(events, verdicts, strict=True) if verdict]
        lock = self._rooms.setdefault(room_id, DeferredLock())
        await lock.acquire()
        try:
            results.update(await self._take_events(origin, room, sound))
        finally:
            lock.release()
            if not lock.locked:
                self._rooms.pop(room_id, None)
        return results

    async def _take_events(self, origin: ServerName, room: LiveRoom, events: Sequence[Event]) -> JSONObject:
        results: JSONObject = {}
        begun: list[tuple[Event, Begun]] = []
        for event in events:
            try:
                begun.append((event, await self._take(origin, event)))
            except (MissingEvents, PeerUnreachable, PeerFault) as error:
                log.info("could not complete an event", event_id=event.event_id, origin=origin, reason=str(error))
                results[event.event_id] = {"error": "What this event refers to could not be had."}
        for event, each in begun:
            try:
                await each.written
            except RoomMoved:
                await self.acceptance.accept(event)
            rejected = each.status is Status.REJECTED
            results[event.event_id] = {"error": "The rules of the room reject this event."} if rejected else {}
        return results

    async def _take(self, origin: ServerName, event: Event) -> Begun:
        """The event is judged, once what it refers to has been fetched.  Raises MissingEvents, PeerFault …"""
        try:
            return await self.acceptance.begin(event)
        except MissingEvents as missing:
            await self._complete(origin, event, missing.event_ids)
        try:
            return await self.acceptance.begin(event)
        except MissingEvents:
            return await self._take_by_told_state(origin, event)

    async def _complete(self, origin: ServerName, event: Event, missing: frozenset[EventID]) -> None:
        if missing & {*event.auth_events}:
            await self.ancestry.bring_auth_events(origin, event)
        if not missing & {*event.prev_events}:
            return
        room = await self.live_rooms.load(event.room_id)
        gaps = 0
        for earlier in await self.ancestry.missing_before(origin, event, list(room.extremities)):
            try:
                await (await self.acceptance.begin(earlier)).written
            except MissingEvents:
                gaps += 1
                if gaps <= GAPS_MAX:
                    await (await self._take_by_told_state(origin, earlier)).written

    async def _take_by_told_state(self, origin: ServerName, event: Event) -> Begun:
        present = await self.known.by_ids(event.auth_events)
        if len(present) < len(event.auth_events):
            await self.ancestry.bring_auth_events(origin, event)
        told = await self.ancestry.state_before(origin, event.room_id, event.version, event.event_id)
        return await self.acceptance.begin(event, told)

    async def admits(self, room: LiveRoom, origin: ServerName) -> bool:
        """Whether the room's ACL lets *origin* take part.  Spec: server-server-api#server-access-control-lists-acls"""
        event_id = room.state.get(("m.room.server_acl", ""))
        entry = None if event_id is None else await self.known.by_id(event_id)
        return entry is None or server_acl_of(entry.event.content).admits(origin)

    async def _take_edu(self, origin: ServerName, edu: JSONObject) -> None:
        try:
            parsed = parse_edu(edu, origin)
        except Malformed as malformed:
            log.info("dropped a malformed EDU", origin=origin, reason=str(malformed))
            return
        receiver = self.receivers.get(type(parsed))
        if receiver is not None:
            await receiver(origin, parsed)


def _room_of(pdu: JSONObject) -> RoomID | None:
    try:
        return parse_room_id(pdu.get("room_id"))
    except Malformed:
        return None
