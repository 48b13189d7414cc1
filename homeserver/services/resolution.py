"""State resolution for rooms of this server: brings the pure algorithm what it asks for."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from attrs import define, field
from twisted.internet.threads import deferToThread

from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.resolution.auth_chains import AuthChains, ChainLink
from homeserver.core.resolution.conflict import StateIDs, changes_between
from homeserver.core.resolution.needs import Needs
from homeserver.core.resolution.resolve import resolve
from homeserver.core.timeline import Status
from homeserver.core.versions import RoomVersion
from homeserver.services.known_events import KnownEvents

IN_THREAD_FROM: Final = 200
"""Differences between the states past which the algorithm leaves the reactor alone: fewer take less than 5 ms."""


@define(eq=False)
class Resolution:
    """Resolves states; keeps the auth chains of the *rooms_max* rooms last resolved."""

    known: KnownEvents
    rooms_max: int = 200
    _chains: OrderedDict[RoomID, AuthChains] = field(init=False, factory=OrderedDict)

    async def resolve(
        self, room_id: RoomID, version: RoomVersion, states: Sequence[StateIDs], new: Collection[Event] = ()
    ) -> Mapping[StateKey, EventID]:
        """The one state that *states* resolve to; *new* are events in them that are not stored yet."""
        if len(states) == 1:
            return states[0]
        events: dict[EventID, Event] = {event.event_id: event for event in new}
        rejected: set[EventID] = set()
        chains = self._chains_of(room_id)
        large = sum(len(changes_between(states[0], state)) for state in states[1:]) > IN_THREAD_FROM
        while True:
            if large:
                answer = await deferToThread(resolve, version, states, events, chains, rejected)
            else:
                answer = resolve(version, states, events, chains, rejected)
            if not isinstance(answer, Needs):
                return answer
            await self._bring(answer.event_ids, events, rejected)
            await self._bring_chains(answer.chain_ids, chains, new)

    def forget_room(self, room_id: RoomID, room_nid: int) -> None:
        """The room's auth chains are read afresh."""
        self._chains.pop(room_id, None)

    def _chains_of(self, room_id: RoomID) -> AuthChains:
        chains = self._chains.setdefault(room_id, AuthChains())
        self._chains.move_to_end(room_id)
        while len(self._chains) > self.rooms_max:
            self._chains.popitem(last=False)
        return chains

    async def _bring(
        self, event_ids: Collection[EventID], events: dict[EventID, Event], rejected: set[EventID]
    ) -> None:
        found = await self.known.by_ids(event_ids)
        absent = set(event_ids) - found.keys()
        assert not absent, f"events of a stored state are stored: {sorted(absent)}"
        for event_id, entry in found.items():
            events[event_id] = entry.event
            if entry.status is Status.REJECTED:
                rejected.add(event_id)

    async def _bring_chains(self, event_ids: Iterable[EventID], chains: AuthChains, new: Collection[Event]) -> None:
        links = {event.event_id: ChainLink.of(event) for event in new}
        wanted = frozenset(event_ids)
        while wanted:
            found = await self.known.by_ids(wanted - links.keys())
            links.update((event_id, ChainLink.of(entry.event)) for event_id, entry in found.items())
            missing = chains.add_all(links.values())
            assert missing != wanted, f"auth events of stored events are stored: {sorted(missing)}"
            wanted = missing
