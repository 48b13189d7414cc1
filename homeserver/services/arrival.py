"""
How this server comes into a room of others: with the state that one of them sent, and its own user's join on top.

Spec: server-server-api#joining-rooms
"""

from collections.abc import Iterable, Mapping, Sequence

from attrs import define, field

from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import ServerName
from homeserver.core.log import STATE
from homeserver.core.timeline import Status, TimelineEvent, ordering_at
from homeserver.services.admission import change_state, store_event, summary_of
from homeserver.services.companions import Beside, Companion, StateCompanion, beside, beside_state
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRooms
from homeserver.services.outliers import room_for, store_outliers
from homeserver.store import backward_extremities, events, room_summaries, rooms, state
from homeserver.store.database import Database
from homeserver.store.room_heads import NEWEST
from homeserver.store.write import Write


@define(eq=False)
class Arrival:
    """Founds here what already exists elsewhere; who calls has checked signatures, hashes and authorization."""

    server: ServerName
    database: Database
    known: KnownEvents
    live_rooms: LiveRooms
    companions: list[Companion] = field(factory=list)
    """Of the join alone: the rest has happened elsewhere."""
    state_companions: list[StateCompanion] = field(factory=list)
    """Of the rest."""

    async def arrive(self, join: Event, room_state: Sequence[Event], auth_chain: Iterable[Event]) -> bool:
        """
        The room is here: its state is *room_state*, and *join* is the newest event.

        What this server knew of the room from an earlier stay is kept; there is a gap in its history.  False, and
        nothing is changed: another user of this server is in the room by now, and so is the room.
        """
        lock = self.live_rooms.lock(join.room_id)
        await lock.acquire()
        try:
            self.live_rooms.require_open(join.room_id)
            room = await self.live_rooms.find(join.room_id)
            if room is not None and self.server in room.servers:
                return False
            entry = TimelineEvent(join, 0, None)
            await self.database.write_long(
                _arrive,
                self.server,
                entry,
                {event.key: TimelineEvent(event, 0, None, Status.OUTLIER) for event in room_state},
                [TimelineEvent(event, 0, None, Status.OUTLIER) for event in auth_chain],
                (*beside(self.companions, entry), *beside_state(self.state_companions, room_state)),
            )
            self.live_rooms.drop([join.room_id])
            self.known.forget(join.event_id)
            return True
        finally:
            lock.release()


def _arrive(
    tx: Write,
    server: ServerName,
    join: TimelineEvent,
    room_state: dict[StateKey, TimelineEvent],
    auth_chain: Iterable[TimelineEvent],
    besides: Sequence[Beside],
) -> None:
    event = join.event
    nid = room_for(tx, event.room_id, event.version)
    store_outliers(tx, nid, [*auth_chain, *room_state.values()])
    # The state before the join is current for a moment, so that the join's own is "as of just before it".
    before = state.state_as_of(tx.connection, nid, NEWEST)
    position = tx.log(STATE, event.room_id)
    for key, current in room_state.items():
        if before.pop(key, None) != current.nid:
            change_state(tx, server, nid, position, key, current)
    for key in before:
        change_state(tx, server, nid, position, key, None)
    present = rooms.by_nid(tx.connection, nid)
    assert present is not None, "the room was found or founded above"
    joined_at = store_event(tx, nid, join)
    change_state(tx, server, nid, joined_at, event.key, join)
    rooms.advance(tx, nid, present.generation, (event.event_id,))
    rooms.set_joined(tx, nid, True)
    _summarize(tx, nid, {**room_state, event.key: join})
    # Who comes back may find that nothing has happened meanwhile.
    statuses = events.statuses_of(tx.connection, event.prev_events)
    for event_id in event.prev_events:
        if statuses.get(event_id, Status.OUTLIER) is not Status.OUTLIER:
            continue
        backward_extremities.insert(tx, nid, event_id, ordering_at(joined_at))
    for write in besides:
        write(tx, nid, join)


def _summarize(tx: Write, room_nid: int, room_state: Mapping[StateKey, TimelineEvent]) -> None:
    current = {key: entry.event for key, entry in room_state.items()}
    joined = sum(event.membership == "join" for event in current.values())
    room_id = next(iter(current.values())).room_id
    room_summaries.replace(tx, summary_of(room_nid, room_id, current, joined))
