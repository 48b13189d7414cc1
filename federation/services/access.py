"""
Which servers a room lets take part.

Spec: server-server-api#server-access-control-lists-acls
"""

from collections import OrderedDict
from typing import Final

from attrs import define, field

from homeserver.core.identifiers import EventID, ServerName
from homeserver.core.server_acl import SERVER_ACL, ServerACL, server_acl_of
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom
from homeserver.services.refusals import Forbidden

COMPILED_MAX: Final = 1_000


@define(eq=False)
class Access:
    """The access control lists of rooms, compiled when they are first asked."""

    known: KnownEvents
    _compiled: OrderedDict[EventID, ServerACL] = field(init=False, factory=OrderedDict)

    async def admits(self, room: LiveRoom, server: ServerName) -> bool:
        """Whether the room's current list lets *server* take part."""
        event_id = room.state.get((SERVER_ACL, ""))
        if event_id is None:
            return True
        acl = self._compiled.get(event_id)
        if acl is None:
            acl = await self._compile(event_id)
        self._compiled.move_to_end(event_id)
        return acl.admits(server)

    async def require(self, room: LiveRoom, server: ServerName) -> None:
        """Raises Forbidden unless the room lets *server* take part."""
        if not await self.admits(room, server):
            raise Forbidden(f"{server} is denied by this room's ACL.")

    async def _compile(self, event_id: EventID) -> ServerACL:
        entry = await self.known.by_id(event_id)
        assert entry is not None, "events of the current state are stored"
        acl = self._compiled[event_id] = server_acl_of(entry.event.content)
        while len(self._compiled) > COMPILED_MAX:
            self._compiled.popitem(last=False)
        return acl
