"""
The door through which local events enter rooms.

An event is composed, checked, and handed to the group commit while the room's lock is held; the next one is composed on
top of it without waiting for the disk.  Whoever sent it waits for the commit.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias

from attrs import define, evolve, field
from twisted.internet.defer import Deferred

from homeserver.core.drafts import Draft
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import EventID, RoomID, UserID, is_user_id
from homeserver.core.room_creation import RoomRequest, create_draft, opening_drafts
from homeserver.core.timeline import TimelineEvent
from homeserver.core.versions import RoomVersion
from homeserver.services.admission import (
    Admission,
    Append,
    Redaction,
    RoomMoved,
    append,
    found_room,
    transaction_endpoint,
)
from homeserver.services.clock import now_ms
from homeserver.services.companions import Beside, Companion, beside
from homeserver.services.composing import Composer
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.member_guards import MemberChange, MemberGuards
from homeserver.services.policy.recommendations import Recommendations
from homeserver.services.redactions import Redactions
from homeserver.services.refusals import DuplicateAnnotation, Refusal, StateMoved
from homeserver.store import relations, transactions
from homeserver.store.database import Database
from homeserver.store.failures import Duplicate
from homeserver.store.relations import Annotation
from homeserver.store.write import Write

Founding: TypeAlias = Callable[[Write], int]
"""Writes a new room, and answers its nid."""

ASKED_MAX: Final = 3
"""How often a policy server is asked of one event while others go on in the room; then they wait."""
ATTEMPTS_MAX: Final = 10
"""How often a write is tried again because another process was quicker in the same room."""
AS_IT_IS: Final[Mapping[StateKey, EventID | None]] = {}


@define(eq=False)
class Timeline:
    """Appends events of local users to the rooms that this server is in."""

    database: Database
    known: KnownEvents
    live_rooms: LiveRooms
    composer: Composer
    redactions: Redactions
    new_room_id: Callable[[], RoomID]
    """A new one at each call, for the versions that do not name a room after its create event."""
    member_guards: MemberGuards = field(factory=MemberGuards)
    companions: list[Companion] = field(factory=list)
    recommendations: Recommendations | None = None
    """Of the policy servers that rooms use."""
    _created_ms: int = field(init=False, default=0)

    async def send(self, room_id: RoomID, draft: Draft, besides: Sequence[Beside] = ()) -> EventID:
        """
        The event is in the room, and durably so.

        A state event that would say again what its sender has said stays the one that is there, and so does what was
        sent under the same transaction, whatever its sender may do now; then *besides* is not written.

        Raises NotInRoom, Forbidden, Malformed.
        """
        try:
            return (await self.send_all(room_id, [draft], besides))[0]
        except (Duplicate, Refusal):
            sent = await self.sent_before(room_id, draft)
            if sent is None:
                raise
            return sent

    async def send_all(
        self,
        room_id: RoomID,
        drafts: Sequence[Draft],
        besides: Sequence[Beside] = (),
        expected: Mapping[StateKey, EventID | None] = AS_IT_IS,
    ) -> list[EventID]:
        """
        As ``send``, one after the other with nothing in between; all of them or, when one is refused, none.

        *besides* is written with each of them.  *expected*: entries of the state that they are to find.

        Raises StateMoved when the room has others under these keys by now.
        """
        attempts = ATTEMPTS_MAX
        while True:
            try:
                if len(drafts) == 1 and not expected and self._asks_others(room_id):
                    return [await self._send_recommended(room_id, drafts[0], besides)]
                return await self._send_all(room_id, drafts, besides, expected)
            except RoomMoved:
                attempts -= 1
                if not attempts:
                    raise

    async def create(self, request: RoomRequest) -> RoomID:
        """
        The room exists, with all that *request* asks for but the invites.

        Raises Malformed for what cannot be in an event, Forbidden for what the request's own power levels refuse.
        """
        return await self.found(request.version, create_draft(request), opening_drafts(request))

    async def found(
        self,
        version: RoomVersion,
        first: Draft,
        opening: Sequence[Draft],
        write: Callable[[RoomID, Founding], Awaitable[object]] | None = None,
    ) -> RoomID:
        """
        The room exists, with these events and no others.  Raises as ``create``.

        *write* commits it together with something else; without it the room is a write of its own.
        """
        write = write or self._write_room
        if not version.auth.room_id_is_create_hash:
            return await self._found(version, self.new_room_id(), first, opening, write)
        attempts = ATTEMPTS_MAX
        while True:
            dated = evolve(first, origin_server_ts=self._creation_ms())
            try:
                return await self._found(version, None, dated, opening, write)
            except Duplicate:
                # Another process has made the same for the same user at the same moment.
                attempts -= 1
                if not attempts:
                    raise

    def _creation_ms(self) -> int:
        """The time, and each time another: a room named after its create event is told from others by that alone."""
        self._created_ms = max(now_ms(self.composer.clock), self._created_ms + 1)
        return self._created_ms

    async def _found(
        self,
        version: RoomVersion,
        room_id: RoomID | None,
        first: Draft,
        opening: Sequence[Draft],
        write: Callable[[RoomID, Founding], Awaitable[object]],
    ) -> RoomID:
        create = self.composer.create(version, room_id, first)
        room = LiveRoom(0, create.room_id, version, 0, {}, {}, set())
        admissions = [self._admit(room, create, None, ())]

        def founding(tx: Write) -> int:
            room.nid = found_room(tx, version, first.sender, request)
            return room.nid

        try:
            await self._compose_all(room, opening, admissions)
            room.generation = 1
            request = self._append(room, 0, admissions)
            await write(room.room_id, founding)
        except BaseException:
            self._undo(room, admissions)
            raise
        room.note_written(1)
        self.live_rooms.adopt(room)
        return room.room_id

    async def _write_room(self, room_id: RoomID, founding: Founding) -> None:
        await self.database.write(founding)

    async def said_before(self, room_id: RoomID, draft: Draft, annotation: Annotation) -> EventID | None:
        """The event that was sent under the draft's transaction.  Raises DuplicateAnnotation for any other like it."""
        if not await self.database.read(relations.is_said, annotation):
            return None
        sent = await self.sent_before(room_id, draft)
        if sent is None:
            raise DuplicateAnnotation
        return sent

    async def sent_before(self, room_id: RoomID, draft: Draft) -> EventID | None:
        """What was sent under the draft's transaction before; None: nothing was."""
        if draft.transaction is None:
            return None
        answer = await self.database.read(
            transactions.answer_to,
            draft.sender,
            draft.transaction.device_id,
            transaction_endpoint(room_id, draft.type, draft.transaction),
            draft.transaction.transaction_id,
        )
        return None if answer is None else EventID(answer)

    async def _send_all(
        self,
        room_id: RoomID,
        drafts: Sequence[Draft],
        besides: Sequence[Beside],
        expected: Mapping[StateKey, EventID | None] = AS_IT_IS,
    ) -> list[EventID]:
        async def fill(room: LiveRoom, admissions: list[Admission]) -> list[EventID]:
            if any(room.state.get(key) != event_id for key, event_id in expected.items()):
                raise StateMoved
            return await self._compose_all(room, drafts, admissions, besides)

        return await self._write(room_id, fill)

    def _asks_others(self, room_id: RoomID) -> bool:
        room = self.live_rooms.cached(room_id)
        return room is not None and self.recommendations is not None and self.recommendations.concern(room)

    async def _send_recommended(self, room_id: RoomID, draft: Draft, besides: Sequence[Beside]) -> EventID:
        """As ``_send_all``; others go on in the room while its policy server is asked."""
        for _ in range(ASKED_MAX):
            room = await self.live_rooms.load(room_id)
            present = await self._present(room, draft)
            if present is not None:
                return present
            if draft.type == "m.room.member":
                await self._check_member(room, draft)
            event = await self.recommended(room, await self.composer.compose(room, draft))

            async def fill(room: LiveRoom, admissions: list[Admission], event: Event = event) -> list[EventID]:
                if not _still_fits(room, event):
                    return []
                redactions = await self.redactions.by(event, room.state)
                admissions.append(self._admit(room, event, draft, redactions, besides))
                return [event.event_id]

            if await self._write(room_id, fill):
                return event.event_id
        return (await self._send_all(room_id, [draft], besides))[0]

    async def recommended(self, room: LiveRoom, event: Event) -> Event:
        """The event with the signature of the policy server that the room uses, if any.  Raises NotRecommended."""
        if self.recommendations is None or not self.recommendations.concern(room):
            return event
        return await self.recommendations.obtain(room, event)

    async def _write(
        self, room_id: RoomID, fill: Callable[[LiveRoom, list[Admission]], Awaitable[list[EventID]]]
    ) -> list[EventID]:
        """What *fill* admits to the room is written; answers what *fill* does."""
        lock = self.live_rooms.lock(room_id)
        await lock.acquire()
        # Held until the write is in the queue, not until it is on the disk.
        try:
            room = await self.live_rooms.load(room_id)
            admissions: list[Admission] = []
            try:
                event_ids = await fill(room, admissions)
                written = self._enqueue(room, admissions)
            except BaseException:
                self._undo(room, admissions)
                raise
        finally:
            lock.release()
        if written is not None:
            try:
                await written
            except BaseException:
                self._undo(room, admissions)
                raise
        return event_ids

    async def _compose_all(
        self, room: LiveRoom, drafts: Sequence[Draft], admissions: list[Admission], besides: Sequence[Beside] = ()
    ) -> list[EventID]:
        """The IDs of the events that the drafts are; *admissions* grows by those that are new."""
        event_ids: list[EventID] = []
        for draft in drafts:
            present = await self._present(room, draft)
            if present is not None:
                event_ids.append(present)
                continue
            if draft.type == "m.room.member":
                await self._check_member(room, draft)
            event = await self.recommended(room, await self.composer.compose(room, draft))
            redactions = await self.redactions.by(event, room.state)
            admissions.append(self._admit(room, event, draft, redactions, besides))
            event_ids.append(event.event_id)
        return event_ids

    async def _check_member(self, room: LiveRoom, draft: Draft) -> None:
        """Nobody objects to a member event.  What is none, in its content, is for the rules to say."""
        membership, target = draft.content.get("membership"), draft.state_key
        if isinstance(membership, str) and target is not None and is_user_id(target):
            change = MemberChange(room.room_id, draft.sender, UserID(target), membership)
            await self.member_guards.check(change)

    async def _present(self, room: LiveRoom, draft: Draft) -> EventID | None:
        """The current state event that says the same of the same sender already."""
        if draft.state_key is None:
            return None
        event_id = room.state.get((draft.type, draft.state_key))
        current = None if event_id is None else await self.known.by_id(event_id)
        if current is None or current.event.sender != draft.sender or current.event.content != draft.content:
            return None
        return event_id

    def _admit(
        self,
        room: LiveRoom,
        event: Event,
        draft: Draft | None,
        redactions: Sequence[Redaction],
        besides: Sequence[Beside] = (),
    ) -> Admission:
        """The room in memory has *event* as its newest."""
        entry = TimelineEvent(event, 0, None, transaction=None if draft is None else draft.transaction)
        self.known.expect(entry)
        for event_id in event.prev_events:
            room.extremities.pop(event_id, None)
        room.extremities[event.event_id] = event.depth
        changes = {event.key: entry} if event.is_state else {}
        room.apply(dict.fromkeys(changes, event))
        if len(room.extremities) == 1 or (not event.is_state and room.is_settled(event.prev_events)):
            room.settle(event.event_id)
        written = (*besides, *beside(self.companions, entry))
        return Admission(entry, changes, redactions=redactions, beside=written)

    def _enqueue(self, room: LiveRoom, admissions: Sequence[Admission]) -> "Deferred[None] | None":
        if not admissions:
            return None
        generation = room.generation
        room.generation += 1
        written: Deferred[None] = self.database.write(append, self._append(room, generation, admissions))
        return written.addCallback(lambda _: room.note_written(generation + 1))

    def _append(self, room: LiveRoom, generation: int, admissions: Sequence[Admission]) -> Append:
        return Append(
            self.composer.server,
            room.nid,
            room.room_id,
            generation,
            tuple(room.extremities),
            len(room.joined),
            admissions,
        )

    def _undo(self, room: LiveRoom, admissions: Sequence[Admission]) -> None:
        """What was expected is not to come; the room is read afresh."""
        self.live_rooms.drop([room.room_id])
        for admission in admissions:
            self.known.disappoint(admission.entry.event_id)


def _still_fits(room: LiveRoom, event: Event) -> bool:
    """Whether the event, composed a while ago, can take its place: what it was checked by is as it was then."""
    if set(event.prev_events) == room.extremities.keys():
        return True
    # Beside what came meanwhile a message is a fork that changes nothing; what a state event would, must be resolved.
    return not event.is_state and room.is_settled(event.prev_events)
