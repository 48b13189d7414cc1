"""
Which redactions are carried out when an event comes: its own on another, and others' that waited for it.

Spec: rooms/v3#handling-redactions
"""

from collections.abc import Mapping, Sequence

from attrs import define, field

from homeserver.core.auth_events import CREATE, POWER_LEVELS
from homeserver.core.authorization.redaction import may_redact
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import EventID
from homeserver.core.timeline import TimelineEvent
from homeserver.services.admission import Redaction, Witness
from homeserver.services.known_events import KnownEvents
from homeserver.services.room_states import RoomState, RoomStates
from homeserver.store import waiting_redactions
from homeserver.store.database import Database


@define(eq=False)
class Redactions:
    """Gathers what the rule of redactions looks at."""

    database: Database
    known: KnownEvents
    states: RoomStates
    witnesses: list[Witness] = field(factory=list)
    """Told of everything that is about to be redacted."""

    def of_event(self, target: TimelineEvent, by: EventID) -> Redaction:
        """A redaction that is carried out, whatever else there was to ask."""
        return Redaction(target, by, tuple(self.witnesses))

    async def by(self, event: Event, state_before: RoomState) -> Sequence[Redaction]:
        """What *event* redacts: nothing, or one event that is here."""
        if event.type != "m.room.redaction" or event.redacts is None:
            return ()
        target = await self.known.by_id(event.redacts)
        if target is None or not may_redact(event, target.event, await self._levels(state_before)):
            return ()
        return (self.of_event(target, event.event_id),)

    async def waits(self, event: Event) -> bool:
        """Whether the event redacts one that is not here."""
        return event.redacts is not None and await self.known.by_id(event.redacts) is None

    async def of(self, room_nid: int, entry: TimelineEvent) -> Sequence[Redaction]:
        """Redactions of the event that were here before it."""
        waiting = await self.database.read(waiting_redactions.of_events, [entry.event_id])
        carried_out: list[Redaction] = []
        for redaction in (await self.known.by_ids(waiting.get(entry.event_id, ()))).values():
            before = await self.states.before(room_nid, redaction)
            if before is not None and may_redact(redaction.event, entry.event, await self._levels(before)):
                carried_out.append(self.of_event(entry, redaction.event_id))
        return carried_out

    async def _levels(self, state: RoomState) -> Mapping[StateKey, Event]:
        wanted = {key: state[key] for key in (CREATE, POWER_LEVELS) if key in state}
        found = await self.known.by_ids(wanted.values())
        return {key: found[event_id].event for key, event_id in wanted.items()}
