"""
The first checks of an event that a peer sent: format, signatures, hash.

Spec: server-server-api#checks-performed-on-receipt-of-a-pdu, checks 1 to 3
"""

from collections.abc import Iterable
from typing import Final

import structlog
from attrs import frozen
from twisted.internet.threads import deferToThread

from federation.services.key_ring import KeyRing
from homeserver.core.canonical import JSON
from homeserver.core.events import Event
from homeserver.core.hashes import intact_or_redacted
from homeserver.core.identifiers import RoomID
from homeserver.core.malformed import Malformed
from homeserver.core.pdu import parse_pdu
from homeserver.core.verdicts import Denied
from homeserver.core.versions import RoomVersion
from homeserver.services.refusals import BadSignature

log = structlog.get_logger(__name__)

IN_THREAD_FROM: Final = 100
"""Events past which parsing them leaves the reactor alone."""


@frozen(eq=False)
class PduChecks:
    """Makes events of what came."""

    ring: KeyRing

    async def sound(
        self, pdus: Iterable[JSON], version: RoomVersion, room_id: RoomID, *, historic: bool = False
    ) -> list[Event]:
        """
        Those of *pdus* that are well-formed, signed as they must be and of this room, in their order.

        *historic*: they may refer to more events than are allowed today.  What was altered after it was signed is there
        in its redacted form.
        """
        listed = list(pdus)
        if len(listed) > IN_THREAD_FROM:
            parsed = await deferToThread(_all_parsed, listed, version, room_id, historic)
        else:
            parsed = _all_parsed(listed, version, room_id, historic)
        verdicts = await self.ring.verify_events(parsed)
        for event, verdict in zip(parsed, verdicts, strict=True):
            if isinstance(verdict, Denied):
                log.info("dropped an event not signed as it must be", event_id=event.event_id, rule=verdict.rule)
        return [intact_or_redacted(event) for event, verdict in zip(parsed, verdicts, strict=True) if verdict]

    async def check(self, event: Event) -> Event:
        """*event* itself, or its redacted form where it was altered.  Raises BadSignature."""
        verdict = await self.ring.verify_event(event)
        if isinstance(verdict, Denied):
            raise BadSignature(f"The event is not signed as it must be: {verdict.rule}.")
        return intact_or_redacted(event)


def _all_parsed(pdus: Iterable[JSON], version: RoomVersion, room_id: RoomID, historic: bool) -> list[Event]:
    return [event for pdu in pdus if (event := _parsed(pdu, version, room_id, historic)) is not None]


def _parsed(pdu: JSON, version: RoomVersion, room_id: RoomID, historic: bool) -> Event | None:
    try:
        event = parse_pdu(pdu, version, historic=historic)
    except Malformed as malformed:
        log.info("dropped a malformed event", reason=str(malformed))
        return None
    return event if event.room_id == room_id else None
