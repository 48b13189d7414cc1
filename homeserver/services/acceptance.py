"""
The door through which events of other servers enter rooms that this server is in.

Whoever opens it has checked format, hashes and signatures, and has brought what the event refers to.

Spec: server-server-api#checks-performed-on-receipt-of-a-pdu
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from homeserver.core.auth_events import CREATE, rule_keys_of
from homeserver.core.authorization.citations import check_auth_events
from homeserver.core.authorization.rules import check_event
from homeserver.core.events import Event, StateKey
from homeserver.core.extremities import advance, passed_over
from homeserver.core.identifiers import EventID, ServerName
from homeserver.core.timeline import Status, TimelineEvent
from homeserver.core.verdicts import Denied
from homeserver.services.admission import Admission, Append, RoomMoved, append
from homeserver.services.companions import Companion, StateCompanion, beside, beside_state
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.policy.recommendations import Recommendations
from homeserver.services.redactions import Redactions
from homeserver.services.room_states import RoomState, RoomStates
from homeserver.store import backward_extremities
from homeserver.store.database import Database

ATTEMPTS_MAX: Final = 10


class MissingEvents(Exception):
    """An event cannot be judged before the events it refers to are here."""

    def __init__(self, event_ids: Collection[EventID]) -> None:
        super().__init__(", ".join(event_ids))
        self.event_ids = frozenset(event_ids)


@frozen
class Begun:
    """An event that was judged, and is on its way to the disk."""

    status: Status
    written: "Deferred[None]"


@frozen
class _Judged:
    """What the checks said, and the rule that said so."""

    status: Status
    rule: str | None = None


@frozen
class _Decision:
    admission: Admission
    extremities: Mapping[EventID, int]
    settled: bool
    """The state after the event is the current one, as it is then."""


@define(eq=False)
class Acceptance:
    """Judges events of peers and gives them their place."""

    server: ServerName
    database: Database
    known: KnownEvents
    live_rooms: LiveRooms
    states: RoomStates
    redactions: Redactions
    companions: list[Companion] = field(factory=list)
    state_companions: list[StateCompanion] = field(factory=list)
    recommendations: Recommendations | None = None
    """Of the policy servers that rooms use."""

    async def accept(self, event: Event, state_before: RoomState | None = None, *, relayed: bool = False) -> Status:
        """
        The event is stored, with what the checks said of it; the same again for one that is stored already.

        *state_before*: as a peer told it, when what the event follows is not known here; all of its events are stored.
        *relayed*: this server is the one to tell the others of it.
        Raises NotInRoom when this server has no such room, MissingEvents when what the event refers to is not stored.
        """
        attempts = ATTEMPTS_MAX
        while True:
            begun = await self.begin(event, state_before, relayed=relayed)
            try:
                await begun.written
            except RoomMoved:
                attempts -= 1
                if not attempts:
                    raise
            else:
                return begun.status

    async def begin(self, event: Event, state_before: RoomState | None = None, *, relayed: bool = False) -> "Begun":
        """
        As ``accept``, without waiting for the disk: the next event of the room may be judged on top of this one.

        ``written`` of the answer fails with RoomMoved when another process was quicker in the room.
        """
        event = await self._with_recommendation(event)
        lock = self.live_rooms.lock(event.room_id)
        await lock.acquire()
        try:
            present = await self.known.by_id(event.event_id)
            if present is not None and present.status is not Status.OUTLIER:
                await self._committed([event.event_id])
                return Begun(present.status, succeed(None))
            room = await self.live_rooms.load(event.room_id)
            if not event.prev_events and room.state.get(CREATE) == event.event_id:
                # The room began with it, and is not judged by what it stands on; fetched history gives it its place.
                return Begun(Status.ACCEPTED, succeed(None))
            decision = await self._decide(room, event, present, state_before, relayed)
            entry = decision.admission.entry
            self.known.expect(entry)
            generation = room.generation
            settled = decision.settled
            self._apply(room, decision)
            if settled:
                room.settle(event.event_id)
            extremities = tuple(decision.extremities)
            written = self.database.write(
                append,
                Append(
                    self.server,
                    room.nid,
                    room.room_id,
                    generation,
                    extremities,
                    len(room.joined),
                    [decision.admission],
                ),
            )
        finally:
            lock.release()
        written.addCallbacks(lambda _: room.note_written(generation + 1), self._undo, errbackArgs=(event,))
        return Begun(entry.status, written)

    async def _with_recommendation(self, event: Event) -> Event:
        """The event with the signature of the room's policy server, where that is missing and can be had."""
        if self.recommendations is None:
            return event
        room = self.live_rooms.cached(event.room_id) or await self.live_rooms.load(event.room_id)
        if not self.recommendations.concern(room):
            return event
        present = await self.known.by_id(event.event_id)
        if present is not None and present.status is not Status.OUTLIER:
            return event
        return await self.recommendations.complete(room, event)

    def _undo(self, failure: Failure, event: Event) -> Failure:
        self.live_rooms.drop([event.room_id])
        self.known.disappoint(event.event_id)
        return failure

    async def _decide(
        self,
        room: LiveRoom,
        event: Event,
        outlier: TimelineEvent | None,
        told_before: RoomState | None,
        relayed: bool,
    ) -> _Decision:
        if not event.prev_events:
            # Nothing but m.room.create comes first, and that was there when the room was.
            entry = TimelineEvent(event, 0 if outlier is None else outlier.nid, None, Status.REJECTED)
            refused = Admission(entry, reason="prev_events.none", was_outlier=outlier is not None)
            return _Decision(refused, room.extremities, settled=False)
        cited = await self._cited(room, event)
        before = await self._before(room, event, told_before)
        judged = await self._judge(room, event, cited, before)
        entry = TimelineEvent(event, 0 if outlier is None else outlier.nid, None, judged.status)
        differs = None if before is room.state else await self._difference(room.state, before)
        missing = () if told_before is None else await self._unknown(room, event.prev_events)
        if judged.status is not Status.ACCEPTED:
            # Who follows such an event starts from the state before it, which no place in the timeline tells.
            admission = Admission(
                entry,
                state_before=differs or {},
                reason=judged.rule,
                was_outlier=outlier is not None,
                missing=missing,
                beside=beside(self.companions, entry),
            )
            rejected = judged.status is Status.REJECTED
            return _Decision(admission, room.extremities, settled=rejected and before is room.state)
        extremities = await self._extremities(room, event)
        changes = await self._changes(room, entry, before, extremities)
        redactions = [
            *await self.redactions.by(event, before),
            *await self.redactions.of(room.nid, entry),
        ]
        resolved = [each.event for each in changes.values() if each is not None and each is not entry]
        admission = Admission(
            entry,
            changes,
            differs or None,
            redactions,
            was_outlier=outlier is not None,
            missing=missing,
            fills_gap=event.event_id not in extremities,
            relayed=relayed,
            redaction_waits=await self.redactions.waits(event),
            beside=(*beside(self.companions, entry), *beside_state(self.state_companions, resolved)),
        )
        settled = before is room.state and changes == ({event.key: entry} if event.is_state else {})
        return _Decision(admission, extremities, settled)

    async def _cited(self, room: LiveRoom, event: Event) -> Mapping[EventID, TimelineEvent]:
        """The events in auth_events, and the create event."""
        wanted = {*event.auth_events}
        if CREATE in room.state:
            wanted.add(room.state[CREATE])
        found = await self.known.by_ids(wanted)
        if len(found) < len(wanted):
            raise MissingEvents(wanted - found.keys())
        return found

    async def _before(self, room: LiveRoom, event: Event, told: RoomState | None) -> RoomState:
        """The state before the event: the very current one where it is the same."""
        if set(event.prev_events) == room.extremities.keys() or room.is_settled(event.prev_events):
            return room.state
        state: RoomState | None = told
        if state is None:
            missing = await self._unknown(room, event.prev_events)
            if missing:
                raise MissingEvents(missing)
            await self._committed(event.prev_events)
            state = await self.states.after_all(room.nid, room.room_id, room.version, event.prev_events)
        if state is None:
            raise MissingEvents(event.prev_events)
        return room.state if state == room.state else state

    async def _unknown(self, room: LiveRoom, event_ids: Collection[EventID]) -> Collection[EventID]:
        """What has no place here, or is no event of this room: whoever refers to it has to bring it."""
        known = await self.known.by_ids(event_ids)
        foreign = {event_id for event_id, entry in known.items() if entry.event.room_id != room.room_id}
        return await self.known.without_place(event_ids) | foreign

    async def _committed(self, event_ids: Collection[EventID]) -> None:
        """The store has the events: what is being committed has no place yet."""
        if self.known.is_pending(event_ids):
            await self.database.catch_up()

    async def _judge(
        self, room: LiveRoom, event: Event, cited: Mapping[EventID, TimelineEvent], before: RoomState
    ) -> _Judged:
        # Check 4: by the events that it cites.
        rejected = {event_id for event_id, entry in cited.items() if entry.status is Status.REJECTED}
        auth_events = [cited[event_id].event for event_id in event.auth_events]
        verdict = check_auth_events(event, auth_events, rejected)
        if verdict:
            by_key = {auth.key: auth for auth in auth_events if auth.is_state}
            if CREATE in room.state:
                by_key.setdefault(CREATE, cited[room.state[CREATE]].event)
            verdict = check_event(event, by_key)
        # Check 5: by the state before it.
        if verdict:
            verdict = check_event(event, await self._rule_state(event, before))
        if isinstance(verdict, Denied):
            return _Judged(Status.REJECTED, verdict.rule)
        # Check 6: by what is current here.
        if before is not room.state:
            verdict = check_event(event, await self._rule_state(event, room.state))
        if isinstance(verdict, Denied):
            return _Judged(Status.SOFT_FAILED, verdict.rule)
        # Check 7: by the policy server that the room uses now.
        policy = self.recommendations
        if policy is not None and policy.concern(room) and not await policy.admit(room, event):
            return _Judged(Status.SOFT_FAILED, "policy_server")
        return _Judged(Status.ACCEPTED)

    async def _rule_state(self, event: Event, state: RoomState) -> dict[StateKey, Event]:
        return await self._events_at(state, rule_keys_of(event))

    async def _events_at(self, state: RoomState, keys: Iterable[StateKey]) -> dict[StateKey, Event]:
        wanted = {key: state[key] for key in keys if key in state}
        found = await self.known.by_ids(wanted.values())
        return {key: found[event_id].event for key, event_id in wanted.items()}

    async def _extremities(self, room: LiveRoom, event: Event) -> Mapping[EventID, int]:
        await self.known.by_ids(event.prev_events)
        if set(event.prev_events) != room.extremities.keys():
            # What was missed so far is followed by an event that is here: it is no end.
            missed = await self.database.read(backward_extremities.of_room, room.nid)
            if any(missing.event_id == event.event_id for missing in missed):
                return room.extremities
        passed = passed_over(event.prev_events, self.known.cached)
        return advance(room.extremities, passed, event.event_id, event.depth)

    async def _changes(
        self, room: LiveRoom, entry: TimelineEvent, before: RoomState, extremities: Mapping[EventID, int]
    ) -> Mapping[StateKey, TimelineEvent | None]:
        """What the event changes of the current state."""
        event = entry.event
        others = [event_id for event_id in extremities if event_id != event.event_id]
        if event.event_id not in extremities:
            return {}
        if before is room.state and not others:
            return {event.key: entry} if event.is_state else {}
        if before is room.state and not event.is_state and room.is_settled(others):
            return {}
        await self._committed(others)
        after: RoomState = {**before, event.key: event.event_id} if event.is_state else before
        states = [after]
        for other in (await self.known.by_ids(others)).values():
            state = await self.states.after(room.nid, other)
            assert state is not None, "an end of the DAG has a known state"
            states.append(state)
        current = await self.states.resolution.resolve(room.room_id, room.version, states, new=(event,))
        return await self._difference(room.state, current, entry)

    async def _difference(
        self, old: RoomState, new: RoomState, entry: TimelineEvent | None = None
    ) -> dict[StateKey, TimelineEvent | None]:
        """What *new* has otherwise than *old*; *entry* is one of the events, not yet stored."""
        if old is new:
            return {}
        changed = {key: event_id for key, event_id in new.items() if old.get(key) != event_id}
        found = await self.known.by_ids([i for i in changed.values() if entry is None or i != entry.event_id])
        if entry is not None:
            found[entry.event_id] = entry
        difference: dict[StateKey, TimelineEvent | None] = {key: found[i] for key, i in changed.items()}
        difference.update(dict.fromkeys(old.keys() - new.keys()))
        return difference

    def _apply(self, room: LiveRoom, decision: _Decision) -> None:
        room.extremities = dict(decision.extremities)
        room.apply({key: None if entry is None else entry.event for key, entry in decision.admission.changes.items()})
        room.generation += 1
