"""
What the policy servers of rooms recommend.

Spec: server-server-api#policy-servers
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

import structlog
from attrs import define, evolve, field

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.events import Event
from homeserver.core.identifiers import EventID, ServerName
from homeserver.core.policy_servers import POLICY, POLICY_KEY_ID, PolicyServer, is_checked, policy_server_of
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom
from homeserver.services.ports import PeerFault, PeerUnreachable, PolicyServers
from homeserver.services.refusals import NotRecommended

log = structlog.get_logger(__name__)

PARSED_MAX: Final = 1_000
_PASSED_ON: Final = ("errcode", "error", "retry_after_ms")
"""What clients are told of a policy server's refusal."""


@define(eq=False)
class Recommendations:
    """Asks policy servers; rooms that have none cost one look-up."""

    known: KnownEvents
    servers: PolicyServers
    _parsed: OrderedDict[EventID, PolicyServer | None] = field(init=False, factory=OrderedDict)

    def concern(self, room: LiveRoom) -> bool:
        """Whether the room may use a policy server; if not, nothing else of this needs to be asked."""
        return POLICY in room.state

    async def server_of(self, room: LiveRoom) -> PolicyServer | None:
        """The policy server that the room uses now."""
        event_id = room.state.get(POLICY)
        if event_id is None:
            return None
        if event_id not in self._parsed:
            await self._parse(event_id)
        server = self._parsed[event_id]
        return server if server is not None and server.name in room.servers else None

    async def admit(self, room: LiveRoom, event: Event) -> bool:
        """Whether the event has the signature that the room asks for, or needs none."""
        server = await self.server_of(room)
        return server is None or not is_checked(event) or server.recommends(event)

    async def obtain(self, room: LiveRoom, event: Event) -> Event:
        """The event with the signature that the room asks for.  Raises NotRecommended."""
        server = await self.server_of(room)
        if server is None or not is_checked(event) or server.recommends(event):
            return event
        try:
            answer = await self.servers.sign(server.name, event)
        except PeerFault as fault:
            raise _refusal(fault) from fault
        except PeerUnreachable as unreachable:
            raise NotRecommended(f"The policy server of this room, {server.name}, cannot be reached.") from unreachable
        signed = _with_signature(event, server.name, answer)
        if not server.recommends(signed):
            raise NotRecommended(f"The policy server of this room, {server.name}, does not sign with the room's key.")
        return signed

    async def complete(self, room: LiveRoom, event: Event) -> Event:
        """The same, or the event as it is where the signature is not to be had: then it is not for clients to see."""
        try:
            return await self.obtain(room, event)
        except NotRecommended as refusal:
            log.info("an event is not recommended", event_id=event.event_id, reason=refusal.reason)
            return event

    async def _parse(self, event_id: EventID) -> None:
        entry = await self.known.by_id(event_id)
        assert entry is not None, "events of the current state are stored"
        self._parsed[event_id] = policy_server_of(entry.event.content)
        while len(self._parsed) > PARSED_MAX:
            self._parsed.popitem(last=False)


def _with_signature(event: Event, server: ServerName, answer: JSON) -> Event:
    """Beside what the server has signed with other keys: the event may be its own."""
    theirs = answer.get(server) if isinstance(answer, dict) else None
    signature = theirs.get(POLICY_KEY_ID) if isinstance(theirs, dict) else None
    if not isinstance(signature, str):
        return event
    present = event.pdu["signatures"]
    assert isinstance(present, dict), "an event that was parsed or built has signatures"
    own = present.get(server)
    signatures: JSONObject = {**present, server: {**(own if isinstance(own, dict) else {}), POLICY_KEY_ID: signature}}
    return evolve(event, pdu={**event.pdu, "signatures": signatures})


def _refusal(fault: PeerFault) -> NotRecommended:
    # One that is no policy server at all, or has broken down, says nothing that a client could use.
    if not 400 <= fault.status < 500 or fault.errcode in {"", "M_UNRECOGNIZED"} or not isinstance(fault.body, Mapping):
        return NotRecommended("The policy server of this room does not answer as one.")
    body: dict[str, JSON] = {name: fault.body[name] for name in _PASSED_ON if name in fault.body}
    return NotRecommended(str(body.get("error", "")) or None, fault.status, body)
