"""
Application services are asked for users and rooms that are not there, and make them.

Spec: application-service-api#querying
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from attrs import define, field
from twisted.internet.defer import Deferred

from homeserver.core.appservices.registration import Registration
from homeserver.core.identifiers import RoomAlias, UserID
from homeserver.services.appservices.roster import Roster
from homeserver.services.clock import Clock
from homeserver.services.ports import AppserviceRequests, PeerFault, PeerUnreachable
from homeserver.services.refusals import AppserviceSilent

log = structlog.get_logger(__name__)

ATTEMPTS: Final = 3
"""How often a service that does not answer is asked."""
AGAIN_SECONDS: Final = 0.5
PATIENCE_SECONDS: Final = 5.0
"""For so long somebody waits for the answer to a question that somebody else has asked."""
DENIED_SECONDS: Final = 10.0
"""For so long a service that knows nothing of a name is not asked again."""
DENIED_MAX: Final = 10_000

Ask = Callable[[Registration], Awaitable[bool]]


@define(eq=False)
class Queries:
    """Implements ``ports.AppserviceQueries``."""

    roster: Roster
    requests: AppserviceRequests
    clock: Clock
    _asked: dict[str, list[Deferred[bool]]] = field(init=False, factory=dict)
    """Those who wait, by what was asked for."""
    _denied: OrderedDict[str, float] = field(init=False, factory=OrderedDict)
    """Until when a name is believed to be nobody's."""

    async def make_user(self, user_id: UserID) -> bool:
        """Whether the user, who was not there, has an account now.  Raises AppserviceSilent."""
        services = [each for each in self.roster.registrations if each.url is not None and each.owns(user_id)]
        return await self._make(user_id, services, lambda service: self.requests.has_user(service, user_id))

    async def make_room(self, alias: RoomAlias) -> bool:
        """Whether the alias, which pointed nowhere, points to a room now.  Raises AppserviceSilent."""
        services = [each for each in self.roster.registrations if each.url is not None and each.holds_alias(alias)]
        return await self._make(alias, services, lambda service: self.requests.has_room(service, alias))

    async def _make(self, name: str, services: list[Registration], ask: Ask) -> bool:
        if not services or self._is_denied(name):
            return False
        if name in self._asked:
            return await self._wait_for(name)
        self._asked[name] = []
        made = False
        try:
            made = await self._ask_all(services, ask)
            if not made:
                self._deny(name)
            return made
        finally:
            for waiting in self._asked.pop(name):
                waiting.callback(made)

    async def _ask_all(self, services: list[Registration], ask: Ask) -> bool:
        silent: list[Registration] = []
        for service in services:
            try:
                if await self._ask(service, ask):
                    return True
            except (PeerUnreachable, PeerFault) as failure:
                log.warning("an application service does not answer", appservice=service.id, reason=str(failure))
                silent.append(service)
        if silent:
            raise AppserviceSilent
        return False

    async def _ask(self, service: Registration, ask: Ask) -> bool:
        attempts = ATTEMPTS
        while True:
            try:
                return await ask(service)
            except PeerUnreachable:
                attempts -= 1
                if not attempts:
                    raise
            again: Deferred[None] = Deferred()
            self.clock.callLater(AGAIN_SECONDS, again.callback, None)
            await again

    async def _wait_for(self, name: str) -> bool:
        # Not for ever: it may be the service itself that looks for what it is just making.
        waiting: Deferred[bool] = Deferred()
        self._asked[name].append(waiting)
        timeout = self.clock.callLater(PATIENCE_SECONDS, self._give_up, name, waiting)
        made = await waiting
        if timeout.active():
            timeout.cancel()
        return made

    def _give_up(self, name: str, waiting: "Deferred[bool]") -> None:
        self._asked[name].remove(waiting)
        waiting.callback(False)

    def _is_denied(self, name: str) -> bool:
        until = self._denied.get(name)
        return until is not None and self.clock.seconds() < until

    def _deny(self, name: str) -> None:
        self._denied[name] = self.clock.seconds() + DENIED_SECONDS
        self._denied.move_to_end(name)
        while len(self._denied) > DENIED_MAX:
            self._denied.popitem(last=False)
