"""
Third-party networks, as the application services that bridge to them tell.

Spec: application-service-api#third-party-networks
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

import structlog
from attrs import define, field
from twisted.internet.defer import Deferred, FirstError, gatherResults

from homeserver.core.appservices import networks
from homeserver.core.appservices.registration import Registration
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import RoomAlias, RoomID, UserID
from homeserver.services.appservices.roster import Roster
from homeserver.services.callers import Caller
from homeserver.services.clock import Clock
from homeserver.services.ports import AppserviceRequests, PeerFault, PeerUnreachable
from homeserver.services.refusals import Forbidden, NotFound
from homeserver.store import network_rooms, rooms
from homeserver.store.database import Database
from homeserver.store.write import Write

log = structlog.get_logger(__name__)

FRESH_SECONDS: Final = 60.0
"""For so long what a service said of a protocol is not asked again."""

Parse = Callable[[JSON], list[JSON]]


@define(eq=False)
class Networks:
    """Asks all that know a network, and puts together what they answer."""

    roster: Roster
    requests: AppserviceRequests
    database: Database
    clock: Clock
    _protocols: dict[tuple[str, str], tuple[float, JSONObject | None]] = field(init=False, factory=dict)
    """{(application service, protocol): (until when it is fresh, what it said)}; no more than registrations name."""

    async def protocols(self) -> JSONObject:
        """{protocol: what there is to know of it} of all of them."""
        names = dict.fromkeys(name for each in self.roster.registrations for name in each.protocols)
        found = {name: await self._protocol(name) for name in names}
        return {name: protocol for name, protocol in found.items() if protocol is not None}

    async def protocol(self, name: str) -> JSONObject:
        """What there is to know of a protocol.  Raises NotFound."""
        protocol = await self._protocol(name)
        if protocol is None:
            raise NotFound("No network here has this protocol.")
        return protocol

    async def locations(self, protocol: str, fields: Mapping[str, str]) -> list[JSON]:
        """The rooms that lead to a place of a network.  Raises NotFound."""
        return await self._search("location", protocol, fields, networks.locations_of)

    async def users(self, protocol: str, fields: Mapping[str, str]) -> list[JSON]:
        """The users who stand for somebody of a network.  Raises NotFound."""
        return await self._search("user", protocol, fields, networks.users_of)

    async def locations_of(self, alias: RoomAlias) -> list[JSON]:
        """The places of networks that an alias leads to.  Raises NotFound."""
        services = [each for each in self._speaking() if each.holds_alias(alias)]
        return _some(await self._ask(services, ("location",), {"alias": alias}, networks.locations_of))

    async def users_of(self, user_id: UserID) -> list[JSON]:
        """Whom of a network a user stands for.  Raises NotFound."""
        services = [each for each in self._speaking() if each.owns(user_id)]
        return _some(await self._ask(services, ("user",), {"userid": user_id}, networks.users_of))

    async def set_published(self, caller: Caller, network_id: str, room_id: RoomID, published: bool) -> None:
        """
        The directory shows the room under the network, or not.  Raises Forbidden, NotFound.

        Spec: application-service-api#published-room-directories
        """
        if caller.appservice_id is None:
            raise Forbidden("Only application services may do this.")
        await self.database.write(_set_published, caller.appservice_id, network_id, room_id, published)

    def _speaking(self) -> list[Registration]:
        return [each for each in self.roster.registrations if each.url is not None]

    async def _protocol(self, name: str) -> JSONObject | None:
        services = [each for each in self._speaking() if name in each.protocols]
        await _all([self._renew(each, name) for each in services])
        known = [self._protocols[each.id, name][1] for each in services]
        return networks.merged(protocol for protocol in known if protocol is not None)

    async def _renew(self, service: Registration, name: str) -> None:
        fresh_until, before = self._protocols.get((service.id, name), (0.0, None))
        now = self.clock.seconds()
        if now < fresh_until:
            return
        # Nobody else asks meanwhile; who does not answer is believed to be what it was.
        self._protocols[service.id, name] = now + FRESH_SECONDS, before
        answer = await self._answer(service, ("protocol", name), {})
        protocol = networks.protocol_of(answer, service.id)
        if protocol is not None:
            self._protocols[service.id, name] = now + FRESH_SECONDS, protocol
        elif before is None:
            # It may be about to start.
            self._protocols[service.id, name] = now, None

    async def _search(self, kind: str, protocol: str, fields: Mapping[str, str], parse: Parse) -> list[JSON]:
        services = [each for each in self._speaking() if protocol in each.protocols]
        if not services:
            raise NotFound("No network here has this protocol.")
        return _some(await self._ask(services, (kind, protocol), fields, parse))

    async def _ask(
        self, services: Sequence[Registration], path: Sequence[str], fields: Mapping[str, str], parse: Parse
    ) -> list[JSON]:
        found: list[list[JSON]] = [[] for _ in services]

        async def ask(index: int, service: Registration) -> None:
            found[index] = parse(await self._answer(service, path, fields))

        await _all([ask(index, service) for index, service in enumerate(services)])
        return [each for of_service in found for each in of_service]

    async def _answer(self, service: Registration, path: Sequence[str], fields: Mapping[str, str]) -> JSON:
        """What a service answers; None when it does not, or does not know."""
        try:
            return await self.requests.third_party(service, path, fields)
        except (PeerUnreachable, PeerFault) as failure:
            if not isinstance(failure, PeerFault) or failure.status != 404:
                log.info("an application service tells nothing of its network", appservice=service.id, why=str(failure))
            return None


async def _all(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """All of it is done, side by side.  Raises what the first that failed did."""
    running = [Deferred.fromCoroutine(each) for each in work]
    try:
        await gatherResults(running, consumeErrors=True)
    except FirstError as error:
        error.subFailure.raiseException()


def _some(found: list[JSON]) -> list[JSON]:
    if not found:
        raise NotFound("No network here knows this.")
    return found


def _set_published(tx: Write, appservice_id: str, network_id: str, room_id: RoomID, published: bool) -> None:
    room = rooms.by_id(tx.connection, room_id)
    if room is None:
        raise NotFound("There is no such room.")
    (network_rooms.put if published else network_rooms.remove)(tx, appservice_id, network_id, room.nid)
