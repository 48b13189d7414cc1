"""Local drafts become events: placed, hashed, signed, and checked as any peer would check them."""

from collections.abc import Callable, Collection, Mapping

from attrs import define
from twisted.internet.interfaces import IReactorTime

from homeserver.core.auth_events import CREATE, auth_keys
from homeserver.core.authorization.rules import check_event
from homeserver.core.building import UnplacedEvent, build_event, reference_pdu
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.events import Event, StateKey
from homeserver.core.hashes import reference_hash
from homeserver.core.identifiers import EventID, RoomID, ServerName
from homeserver.core.signatures import SigningKey
from homeserver.core.unpadded_base64 import encode_base64
from homeserver.core.verdicts import Denied
from homeserver.core.versions import RoomVersion
from homeserver.services.clock import now_ms
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom
from homeserver.services.refusals import Forbidden

PREV_EVENTS_MAX = 10
"""How many ends of the DAG a new event joins; the rest wait for the next event."""


@define(eq=False)
class Composer:
    """Makes events of this server's users."""

    server: ServerName
    key: SigningKey
    known: KnownEvents
    clock: IReactorTime
    opaque_id: Callable[[], str]
    """A new unique text at each call: what event IDs are made of until room version 2."""

    def create(self, version: RoomVersion, room_id: RoomID | None, draft: Draft) -> Event:
        """
        The ``m.room.create`` of a new room, checked; *room_id* is None where the room is named after it.

        Raises Malformed, Forbidden.
        """
        event = self._build(version, room_id, draft, (), (), 1, {})
        _require(event, {})
        return event

    async def compose(self, room: LiveRoom, draft: Draft) -> Event:
        """
        *draft* as the next event of *room*.

        Raises Malformed for what breaks the event format, Forbidden for what the authorization rules refuse.
        """
        auth = await self.auth_state(room, draft)
        prev_events = _newest(room.extremities)
        auth_events = _auth_events(room, draft)
        event = self._build(
            room.version,
            room.room_id,
            draft,
            prev_events,
            auth_events,
            _depth(room),
            await self._hashes(room.version, [*prev_events, *auth_events]),
        )
        _require(event, auth)
        return event

    async def template(self, room: LiveRoom, draft: Draft) -> JSONObject:
        """
        *draft* as a form that another server completes and signs; not checked by the rules.

        Spec: server-server-api#joining-rooms
        """
        prev_events, auth_events = _newest(room.extremities), _auth_events(room, draft)
        hashes = await self._hashes(room.version, [*prev_events, *auth_events])
        return reference_pdu(
            _unplaced(room.version, room.room_id, draft),
            [_reference(event_id, hashes) for event_id in prev_events],
            [_reference(event_id, hashes) for event_id in auth_events],
            _depth(room),
            now_ms(self.clock),
        )

    async def auth_state(self, room: LiveRoom, draft: Draft) -> dict[StateKey, Event]:
        """What the rules look at in the current state when they check *draft*."""
        keys = [CREATE, *auth_keys(room.version, draft.type, draft.sender, draft.state_key, draft.content)]
        wanted = {key: room.state[key] for key in keys if key in room.state}
        found = await self.known.by_ids(wanted.values())
        return {key: found[event_id].event for key, event_id in wanted.items()}

    async def _hashes(self, version: RoomVersion, event_ids: Collection[EventID]) -> Mapping[EventID, bytes]:
        # Until v2: events refer to others by ID and hash.
        if not version.references_with_hashes:
            return {}
        found = await self.known.by_ids(event_ids)
        return {event_id: reference_hash(event.event.pdu, version) for event_id, event in found.items()}

    def _build(
        self,
        version: RoomVersion,
        room_id: RoomID | None,
        draft: Draft,
        prev_events: Collection[EventID],
        auth_events: Collection[EventID],
        depth: int,
        hashes: Mapping[EventID, bytes],
    ) -> Event:
        return build_event(
            _unplaced(version, room_id, draft),
            prev_events=list(prev_events),
            auth_events=list(auth_events),
            depth=depth,
            now_ms=now_ms(self.clock) if draft.origin_server_ts is None else draft.origin_server_ts,
            server=self.server,
            key=self.key,
            opaque_id=self.opaque_id() if version.references_with_hashes else "",
            reference_hashes=hashes,
        )


def _unplaced(version: RoomVersion, room_id: RoomID | None, draft: Draft) -> UnplacedEvent:
    return UnplacedEvent(
        version, room_id, draft.type, draft.sender, draft.content, draft.state_key, draft.redacts, draft.fields
    )


def _require(event: Event, auth: Mapping[StateKey, Event]) -> None:
    verdict = check_event(event, auth)
    if isinstance(verdict, Denied):
        raise Forbidden(f"The rules of this room do not let {event.sender} send this ({verdict.rule}).")


def _newest(extremities: Mapping[EventID, int]) -> list[EventID]:
    if len(extremities) <= PREV_EVENTS_MAX:
        return list(extremities)
    return sorted(extremities, key=lambda event_id: extremities[event_id], reverse=True)[:PREV_EVENTS_MAX]


def _auth_events(room: LiveRoom, draft: Draft) -> list[EventID]:
    keys = auth_keys(room.version, draft.type, draft.sender, draft.state_key, draft.content)
    return [room.state[key] for key in keys if key in room.state]


def _depth(room: LiveRoom) -> int:
    return max(room.extremities.values(), default=0) + 1


def _reference(event_id: EventID, hashes: Mapping[EventID, bytes]) -> JSON:
    if not hashes:
        return event_id
    return [event_id, {"sha256": encode_base64(hashes[event_id])}]
