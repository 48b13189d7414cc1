"""What other servers show of rooms and spaces.  Implements ``homeserver.services.ports.RemoteSpaces``."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, TypeAlias

from attrs import define, field, frozen

from federation.core.paths import FEDERATION_V1, path_of
from federation.services.ports import Peers
from federation.services.sharing import Shared
from homeserver.core.canonical import encode_json
from homeserver.core.identifiers import RoomID, ServerName
from homeserver.core.room_outlines import OutlinedSpace, parse_space
from homeserver.services.clock import Clock
from homeserver.services.ports import PeerFault, PeerUnreachable

SERVERS_MAX: Final = 5
"""Servers that are asked for one room, one after the other."""
ANSWER_SECONDS_MAX: Final = 10.0
KEPT_SECONDS: Final = 300.0
"""How long an answer is good; also that there is no such room."""
SILENCE_KEPT_SECONDS: Final = 60.0
"""How long a server that did not answer is not asked again for the same room."""
BYTES_MAX: Final = 32 * 1024 * 1024
"""Of JSON that the kept answers were."""
ANSWERS_MAX: Final = 5_000
ENTRY_BYTES: Final = 200
"""What an entry costs beside its answer."""

_Key: TypeAlias = tuple[ServerName, RoomID, bool]


@frozen
class _Told:
    space: OutlinedSpace | None
    until: float
    size: int


@define(eq=False)
class RemoteSpaces:
    """
    Asks the servers, and keeps for a while what each told.

    What one server says is never taken for what another would say: who asks names the servers, and may name a liar.
    """

    peers: Peers
    clock: Clock
    _told: OrderedDict[_Key, _Told] = field(init=False, factory=OrderedDict)
    _bytes: int = field(init=False, default=0)
    _under_way: Shared[_Key, _Told] = field(init=False, factory=Shared)

    async def outline(
        self, room_id: RoomID, servers: Sequence[ServerName], *, suggested_only: bool
    ) -> OutlinedSpace | None:
        """What the first of *servers* that knows the room tells of it; None when none does."""
        for server in servers[:SERVERS_MAX]:
            key = (server, room_id, suggested_only)
            told = self._told.get(key)
            if told is None or told.until <= self.clock.seconds():
                told = await self._under_way.run(key, lambda key=key: self._ask(key))  # type: ignore[misc]
            if told.space is not None:
                return told.space
        return None

    async def _ask(self, key: _Key) -> _Told:
        server, room_id, suggested_only = key
        query = {"suggested_only": "true" if suggested_only else "false"}
        path = path_of(f"{FEDERATION_V1}/hierarchy", room_id)
        space, size, kept_seconds = None, ENTRY_BYTES, KEPT_SECONDS
        try:
            answer = await self.peers.fetch(server, path, query, timeout_seconds=ANSWER_SECONDS_MAX)
            space = parse_space(answer, room_id)
            size += len(encode_json(answer))
        except PeerFault:
            pass
        except PeerUnreachable:
            kept_seconds = SILENCE_KEPT_SECONDS
        told = _Told(space, self.clock.seconds() + kept_seconds, size)
        self._keep(key, told)
        return told

    def _keep(self, key: _Key, told: _Told) -> None:
        before = self._told.pop(key, None)
        self._bytes += told.size - (0 if before is None else before.size)
        self._told[key] = told
        while self._bytes > BYTES_MAX or len(self._told) > ANSWERS_MAX:
            self._bytes -= self._told.popitem(last=False)[1].size
