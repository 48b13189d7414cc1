"""Policy rooms are joined by an account of the server's own, so that their rules come to be known here."""

from collections.abc import Sequence
from typing import Final

import structlog
from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from homeserver.core.identifiers import RoomAlias, RoomID, ServerName, server_of
from homeserver.core.malformed import Malformed
from homeserver.services.aliases import Aliases
from homeserver.services.callers import Caller
from homeserver.services.joining import Joining
from homeserver.services.policy.rules import PolicyRules
from homeserver.services.ports import PeerFault, PeerUnreachable
from homeserver.services.refusals import Refusal
from homeserver.services.server_notices import ServerNotices

log = structlog.get_logger(__name__)

RETRY_SECONDS: Final = 600.0
"""How often what could not be joined is tried again."""


@define(eq=False)
class PolicySubscriptions:
    """Joins *lists*, aliases and IDs of rooms, again and again until this server is in all of them."""

    lists: Sequence[str]
    rules: PolicyRules
    joining: Joining
    aliases: Aliases
    account: ServerNotices
    clock: IReactorTime
    _loop: LoopingCall | None = field(init=False, default=None)

    async def start(self) -> None:
        """The lists are being joined."""
        if self.lists:
            self._loop = LoopingCall(lambda: Deferred.fromCoroutine(self.join_all()))
            self._loop.clock = self.clock
            self._loop.start(RETRY_SECONDS)

    async def stop(self) -> None:
        """No more attempt is made."""
        if self._loop is not None and self._loop.running:
            self._loop.stop()

    async def join_all(self) -> None:
        """Every list that can be joined is heeded."""
        for room in self.lists:
            try:
                await self._join(room)
            except (Refusal, Malformed, PeerFault, PeerUnreachable) as error:
                log.warning("a policy room cannot be joined", room=room, reason=str(error))

    async def _join(self, room: str) -> None:
        room_id, via = RoomID(room), _servers_in(room)
        if room.startswith("#"):
            room_id, via = await self.aliases.resolve(RoomAlias(room))
        await self.account.introduce()
        await self.joining.join(Caller(self.account.user_id, None), room_id, via)
        self.rules.subscribe(room_id)


def _servers_in(room: str) -> Sequence[ServerName]:
    """Until v11 a room's ID names a server that knew it once."""
    return [server_of(RoomAlias(room))] if ":" in room else []
