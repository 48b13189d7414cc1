"""
What an event refers to and this server does not have: fetched from the server that sent it.

Spec: server-server-api#retrieving-event-authorisation-information
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import structlog
from attrs import frozen
from twisted.internet.threads import deferToThread

from federation.core.auth_chain import cited_by, judge
from federation.core.paths import FEDERATION_V1, path_of
from federation.services.pdu_checks import IN_THREAD_FROM, PduChecks
from federation.services.ports import Peers
from homeserver.core.auth_events import CREATE
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import EventID, RoomID, ServerName
from homeserver.core.timeline import Status
from homeserver.core.versions import RoomVersion
from homeserver.services.known_events import KnownEvents
from homeserver.services.outliers import Outliers
from homeserver.services.ports import PeerFault

log = structlog.get_logger(__name__)

MISSING_EVENTS_MAX: Final = 50
"""Events that one question about a gap brings."""
SINGLE_EVENTS_MAX: Final = 20
"""So many missing events of a state are asked for one by one; for more the whole state is fetched."""


@frozen(eq=False)
class Ancestry:
    """Asks peers for what came before."""

    peers: Peers
    checks: PduChecks
    known: KnownEvents
    outliers: Outliers

    async def missing_before(self, origin: ServerName, event: Event, earliest: Collection[EventID]) -> list[Event]:
        """
        Events between *earliest* and *event*, oldest first, as far as *origin* tells; checked, not judged.

        Raises PeerUnreachable, PeerFault.  Spec: server-server-api#backfilling-and-retrieving-missing-events
        """
        body: JSONObject = {
            "earliest_events": list(earliest),
            "latest_events": [event.event_id],
            "limit": MISSING_EVENTS_MAX,
        }
        answer = await self.peers.send(
            origin, "POST", path_of(f"{FEDERATION_V1}/get_missing_events", event.room_id), body
        )
        pdus = _list(answer, "events")[:MISSING_EVENTS_MAX]
        found = await self.checks.sound(pdus, event.version, event.room_id)
        return sorted(found, key=lambda each: each.depth)

    async def bring_auth_events(self, origin: ServerName, event: Event) -> None:
        """What *event* cites is stored, as far as *origin* tells.  Raises PeerUnreachable, PeerFault."""
        answer = await self.peers.fetch(origin, path_of(f"{FEDERATION_V1}/event_auth", event.room_id, event.event_id))
        await self.store(await self.checks.sound(_list(answer, "auth_chain"), event.version, event.room_id))

    async def state_before(
        self, origin: ServerName, room_id: RoomID, version: RoomVersion, event_id: EventID
    ) -> dict[StateKey, EventID]:
        """
        The state before an event as *origin* tells it; all of its events, and their auth chains, are stored.

        Raises PeerUnreachable, PeerFault.
        """
        query = {"event_id": event_id}
        answer = await self.peers.fetch(origin, path_of(f"{FEDERATION_V1}/state_ids", room_id), query)
        state_ids = _event_ids(answer, "pdu_ids")
        wanted = {*state_ids, *_event_ids(answer, "auth_chain_ids")}
        missing = wanted - (await self.known.by_ids(wanted)).keys()
        if len(missing) > SINGLE_EVENTS_MAX:
            whole = await self.peers.fetch(origin, path_of(f"{FEDERATION_V1}/state", room_id), query)
            pdus = [*_list(whole, "pdus"), *_list(whole, "auth_chain")]
        else:
            pdus = [pdu for each in missing for pdu in await self._fetch_event(origin, each)]
        await self.store(await self.checks.sound(pdus, version, room_id))
        entries = await self.known.by_ids(state_ids)
        told = {
            entry.event.key: event_id
            for event_id, entry in entries.items()
            if entry.event.is_state and entry.event.room_id == room_id and entry.status is not Status.REJECTED
        }
        if CREATE not in told:
            raise PeerFault(origin, 200, "M_BAD_JSON", answer)
        if len(told) < len(set(state_ids)):
            log.warning("a state is not whole", origin=origin, room=room_id, missing=len(set(state_ids)) - len(told))
        return told

    async def store(self, events: Sequence[Event]) -> None:
        """Checked *events* are stored as outliers, each judged by what it cites; what cites the unknown is dropped."""
        fresh = {event.event_id: event for event in events}
        present = await self.known.by_ids([*fresh, *_cited(fresh.values())])
        known = {event_id: entry.event for event_id, entry in present.items()}
        rejected = {event_id for event_id, entry in present.items() if entry.status is Status.REJECTED}
        if len(fresh) > IN_THREAD_FROM:
            judged = await deferToThread(judge, list(fresh.values()), known, rejected)
        else:
            judged = judge(fresh.values(), known, rejected)
        stored = [*judged.accepted, *judged.rejected]
        if stored:
            await self.outliers.store(
                stored[0].room_id, stored[0].version, stored, [event.event_id for event in judged.rejected]
            )

    async def _fetch_event(self, origin: ServerName, event_id: EventID) -> list[JSON]:
        try:
            answer = await self.peers.fetch(origin, path_of(f"{FEDERATION_V1}/event", event_id))
        except PeerFault:
            return []
        return _list(answer, "pdus")[:1]


def _cited(events: Iterable[Event]) -> list[EventID]:
    return [event_id for event in events for event_id in cited_by(event)]


def _list(answer: Mapping[str, JSON], key: str) -> list[JSON]:
    value = answer.get(key)
    return value if isinstance(value, list) else []


def _event_ids(answer: Mapping[str, JSON], key: str) -> list[EventID]:
    return [EventID(item) for item in _list(answer, key) if isinstance(item, str)]
