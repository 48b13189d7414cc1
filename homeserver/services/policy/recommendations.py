"""
What the policy servers of rooms recommend.

Spec: server-server-api#policy-servers
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

import structlog
from attrs import define, field
from twisted.internet.defer import DeferredSemaphore, FirstError, gatherResults

from homeserver.core.canonical import JSON
from homeserver.core.events import Event
from homeserver.core.identifiers import EventID
from homeserver.core.policy_servers import POLICY, PolicyServer, is_checked, policy_server_of, with_recommendation
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom
from homeserver.services.ports import PeerFault, PeerUnreachable, PolicyServers
from homeserver.services.refusals import NotRecommended

log = structlog.get_logger(__name__)

PARSED_MAX: Final = 1_000
ASKED_AT_ONCE: Final = 10
"""Of older events, which nobody has sent just now."""
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
            signed = with_recommendation(event, server.name, await self.servers.sign(server.name, event))
        except PeerFault as fault:
            raise _refusal(fault) from fault
        except PeerUnreachable as unreachable:
            raise NotRecommended(f"The policy server of this room, {server.name}, cannot be reached.") from unreachable
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

    async def complete_all(self, room: LiveRoom, events: Sequence[Event]) -> list[Event]:
        """
        The events of history, each with the signature where it is to be had: the room's policy server has a say in
        what was sent before it had one.

        Raises PeerUnreachable, PeerFault where that server does not decide now: they may come another time.
        Spec: client-server-api#policy-servers
        """
        server = await self.server_of(room)
        if server is None:
            return [*events]
        at_once = DeferredSemaphore(ASKED_AT_ONCE)

        async def ask(event: Event) -> Event:
            if not is_checked(event) or server.recommends(event):
                return event
            try:
                return with_recommendation(event, server.name, await self.servers.sign(server.name, event))
            except PeerFault as fault:
                if fault.status == 429 or fault.status >= 500:
                    raise
                log.info("an event is not recommended", event_id=event.event_id, reason=str(fault))
                return event

        asking = [at_once.run(ask, event) for event in events]
        try:
            return list(await gatherResults(asking, consumeErrors=True))
        except FirstError as first:
            first.subFailure.raiseException()
            raise

    async def _parse(self, event_id: EventID) -> None:
        entry = await self.known.by_id(event_id)
        assert entry is not None, "events of the current state are stored"
        self._parsed[event_id] = policy_server_of(entry.event.content)
        while len(self._parsed) > PARSED_MAX:
            self._parsed.popitem(last=False)


def _refusal(fault: PeerFault) -> NotRecommended:
    # One that is no policy server at all, or has broken down, says nothing that a client could use.
    if not 400 <= fault.status < 500 or fault.errcode in {"", "M_UNRECOGNIZED"} or not isinstance(fault.body, Mapping):
        return NotRecommended("The policy server of this room does not answer as one.")
    body: dict[str, JSON] = {name: fault.body[name] for name in _PASSED_ON if name in fault.body}
    return NotRecommended(str(body.get("error", "")) or None, fault.status, body)
