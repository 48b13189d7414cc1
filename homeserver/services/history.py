"""
Older events of a room take their places in the timeline, between those that are there.

Spec: server-server-api#backfilling-and-retrieving-missing-events
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from attrs import define, field, frozen

from homeserver.core.auth_events import CREATE, rule_keys_of
from homeserver.core.authorization.citations import check_auth_events
from homeserver.core.authorization.rules import check_event
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.log import STORED
from homeserver.core.resolution.conflict import changes_between
from homeserver.core.timeline import Ordering, Status, TimelineEvent, free_places, position_of
from homeserver.core.verdicts import Denied
from homeserver.services.admission import Redaction, carry_out, event_row, relate
from homeserver.services.companions import Beside, Companion, beside
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.policy.recommendations import Recommendations
from homeserver.services.redactions import Redactions
from homeserver.services.refusals import NotInRoom
from homeserver.services.room_states import RoomState, RoomStates
from homeserver.store import backward_extremities, events, rooms, state, waiting_redactions
from homeserver.store.backward_extremities import MissingEvent
from homeserver.store.database import Database
from homeserver.store.write import Write

PLACES_READ: Final = 100
"""Places that are taken before a gap in history, read at once while room is looked for."""


@define(eq=False)
class Stretch:
    """
    A stretch of history that is being placed, oldest event first, just before the event that follows *missing*.

    *base*: the state that those of the stretch are stored as differences from; *at*: the state before the newest event
    placed so far, and its number in the store.
    """

    room: LiveRoom
    missing: MissingEvent
    base: RoomState
    next_place: Ordering
    step: int
    """How far apart the places are: between them others may find room, where the DAG forked."""
    at: RoomState | None = None
    at_nid: int | None = None


@frozen
class _Placement:
    """*changes*: of the state before the event from that before the one placed before it, or from the base."""

    room_nid: int
    entry: TimelineEvent
    ordering: Ordering
    reason: str | None
    was_outlier: bool
    parent: int | None
    base_position: int | None
    changes: Mapping[StateKey, int | None] = field(factory=dict)
    unchanged: int | None = None
    """The state's number, when it is that before the event placed before."""
    missing: Collection[EventID] = ()
    redactions: Sequence[Redaction] = ()
    redaction_waits: bool = False
    beside: Sequence[Beside] = ()


@define(eq=False)
class History:
    """Places history; who calls has checked signatures and hashes, and stored what the events cite."""

    database: Database
    known: KnownEvents
    live_rooms: LiveRooms
    states: RoomStates
    redactions: Redactions
    companions: list[Companion] = field(factory=list)
    recommendations: Recommendations | None = None
    """Of the policy servers that rooms use."""

    async def missing(self, room_id: RoomID, before: Ordering | None = None) -> list[MissingEvent]:
        """
        What is missed in the room, that followed by the newest event first.

        *before*: only what is followed by an event at or before that place.
        """
        room = await self.live_rooms.find(room_id)
        if room is None:
            return []
        missed = await self.database.read(backward_extremities.of_room, room.nid)
        return [each for each in missed if before is None or each.before <= before]

    async def give_up(self, room_id: RoomID, missing: MissingEvent) -> None:
        """Nobody has the event: it is not missed any more."""
        room = await self.live_rooms.load(room_id)
        await self.database.write(backward_extremities.remove, room.nid, [missing.event_id])

    async def recommended(self, room: LiveRoom, events: Sequence[Event]) -> Sequence[Event]:
        """The events with what the room's policy server says of them.  Raises PeerUnreachable, PeerFault."""
        policy = self.recommendations
        return events if policy is None or not policy.concern(room) else await policy.complete_all(room, events)

    async def begin(self, room_id: RoomID, missing: MissingEvent, count: int) -> Stretch:
        """A stretch of *count* events, the newest of which is the missing one."""
        room = await self.live_rooms.load(room_id)
        base = await self.states.as_of(room.nid, position_of(missing.before) - 1)
        limit = PLACES_READ
        while True:
            taken = await self.database.read(events.orderings_below, room.nid, missing.before, limit)
            places = free_places(missing.before, taken, count, is_all=len(taken) < limit)
            if places is not None:
                return Stretch(room, missing, base, *places)
            limit *= 10

    async def known_state_before(self, room: LiveRoom, event: Event) -> RoomState | None:
        """The state before the event by those that it follows; None when one of them, or its state, is not here."""
        if event.type == "m.room.create":
            return {}
        if not event.prev_events or await self.known.without_place(event.prev_events):
            return None
        return await self.states.after_all(room.nid, room.room_id, room.version, event.prev_events)

    async def place(self, stretch: Stretch, event: Event, state_before: RoomState) -> Status:
        """The event has the stretch's next place; what the checks refuse is stored, and nobody sees it."""
        present = await self.known.by_id(event.event_id)
        ordering = stretch.next_place
        stretch.next_place = Ordering(ordering + stretch.step)
        if present is not None and present.status is not Status.OUTLIER:
            await self.database.write(backward_extremities.remove, stretch.room.nid, [event.event_id])
            return present.status
        verdict = await self._judge(event, state_before)
        status = Status.REJECTED if isinstance(verdict, Denied) else Status.ACCEPTED
        policy = self.recommendations
        if verdict and policy is not None and not await policy.admit(stretch.room, event):
            status, verdict = Status.SOFT_FAILED, Denied("policy_server")
        entry = TimelineEvent(event, 0 if present is None else present.nid, None, status)
        unknown = await self.known.without_place(event.prev_events)
        origin = stretch.base if stretch.at is None else stretch.at
        changes = await self._nids(changes_between(origin, state_before))
        stretch.at_nid = await self.database.write(
            _place,
            _Placement(
                stretch.room.nid,
                entry,
                ordering,
                verdict.rule if isinstance(verdict, Denied) else None,
                present is not None,
                stretch.at_nid,
                position_of(stretch.missing.before) - 1 if stretch.at_nid is None else None,
                changes,
                stretch.at_nid if not changes else None,
                unknown,
                [*await self.redactions.by(event, state_before), *await self.redactions.of(stretch.room.nid, entry)],
                await self.redactions.waits(event),
                beside(self.companions, entry),
            ),
        )
        stretch.at = state_before
        self.known.forget(event.event_id)
        return status

    async def _judge(self, event: Event, state_before: RoomState) -> object:
        cited = await self.known.by_ids(event.auth_events)
        if len(cited) < len(set(event.auth_events)):
            return Denied("auth_events.unknown")
        rejected = {event_id for event_id, entry in cited.items() if entry.status is Status.REJECTED}
        verdict = check_auth_events(event, [cited[event_id].event for event_id in event.auth_events], rejected)
        return verdict and check_event(event, await self._events_at(state_before, rule_keys_of(event)))

    async def _events_at(self, room_state: RoomState, keys: Iterable[StateKey]) -> dict[StateKey, Event]:
        wanted = {key: room_state[key] for key in [*keys, CREATE] if key in room_state}
        found = await self.known.by_ids(wanted.values())
        return {key: found[event_id].event for key, event_id in wanted.items()}

    async def _nids(self, changes: Mapping[StateKey, EventID | None]) -> dict[StateKey, int | None]:
        found = await self.known.by_ids([event_id for event_id in changes.values() if event_id is not None])
        return {key: None if event_id is None else found[event_id].nid for key, event_id in changes.items()}


def _place(tx: Write, placement: _Placement) -> int:
    """The number of the state before the event."""
    room = rooms.by_nid(tx.connection, placement.room_nid)
    if room is None or not room.forward_extremities:
        # It was deleted meanwhile.
        raise NotInRoom
    entry = placement.entry
    entry.ordering = placement.ordering if entry.status is Status.ACCEPTED else None
    position = tx.log(STORED, entry.event.room_id, entry.nid if placement.was_outlier else None)
    if placement.was_outlier:
        events.place(tx, entry.nid, entry.ordering, entry.status, placement.reason)
    else:
        entry.nid = position
        events.insert(tx, event_row(placement.room_nid, entry, placement.reason))
    nid = placement.unchanged
    if nid is None:
        nid = state.insert_state(
            tx,
            placement.room_nid,
            dict(placement.changes),
            parent=placement.parent,
            base_position=placement.base_position,
        )
    state.assign(tx, entry.nid, nid)
    backward_extremities.remove(tx, placement.room_nid, [entry.event_id])
    for event_id in placement.missing:
        backward_extremities.insert(tx, placement.room_nid, event_id, placement.ordering)
    relate(tx, placement.room_nid, entry)
    for redaction in placement.redactions:
        carry_out(tx, placement.room_nid, redaction)
    if placement.redaction_waits and entry.event.redacts is not None:
        waiting_redactions.insert(tx, entry.event.redacts, entry.event_id)
    for write in placement.beside:
        write(tx, placement.room_nid, entry)
    return nid
