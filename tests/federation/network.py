"""The network between servers in memory: what one asks of another goes to the other's site, and links can be cut."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from attrs import define, field
from twisted.internet import reactor
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock

from federation.core.paths import KEY_V2, target_of
from federation.services.destinations import Destinations
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import ServerName
from homeserver.services.ports import PeerFault, PeerUnreachable
from tests.builders import START_MS
from tests.client import Client, Response


class Server(Protocol):
    """What the network knows of a server."""

    name: ServerName
    destinations: Destinations
    client: Client

    async def request(self, server: Any, method: str, target: str, body: object = None) -> Response:
        """What *server* answers to a request that this one signs."""


class TurningClock(Clock):
    """Time passes when it is told to; what is to happen at once happens in the reactor's next turn."""

    def callLater(self, delay: float, callable: Callable[..., object], *args: Any, **kw: Any) -> Any:
        if delay <= 0:
            return IReactorTime(reactor).callLater(0, callable, *args, **kw)
        return super().callLater(delay, callable, *args, **kw)


@define
class Asked:
    """A request that went from one server to another."""

    origin: ServerName
    destination: ServerName
    method: str
    target: str
    body: Any = None


@define(eq=False, slots=False)
class Network:
    """The servers, and the links between them that are cut; *asked*: every request that came through."""

    clock: TurningClock = field(factory=TurningClock)
    servers: dict[ServerName, Any] = field(factory=dict)
    links_cut: set[frozenset[ServerName]] = field(factory=set)
    asked: list[Asked] = field(factory=list)
    unknown: str | None = None
    """A part of the paths that no server knows, as old ones do not."""
    fault: PeerFault | None = None
    """What every server answers."""
    twist: Callable[[Asked, Any], Any] | None = None
    """What a server between the two would make of an answer."""

    def __attrs_post_init__(self) -> None:
        self.clock.advance(START_MS / 1000 + 1_000_000)

    def cut(self, one: ServerName, other: ServerName) -> None:
        self.links_cut.add(frozenset({one, other}))

    def heal(self) -> None:
        self.links_cut.clear()

    async def ask(
        self, origin: Server, destination: ServerName, method: str, path: str, query: Any, body: object
    ) -> JSONObject:
        """What *destination* answers to the signed request.  Raises PeerUnreachable, PeerFault."""
        server = self.servers.get(destination)
        if server is None or frozenset({origin.name, destination}) in self.links_cut:
            raise PeerUnreachable(destination, "the link is cut")
        if self.fault is not None:
            raise self.fault
        if self.unknown is not None and self.unknown in path:
            raise PeerFault(destination, 404, "M_UNRECOGNIZED", {"errcode": "M_UNRECOGNIZED"})
        response = await origin.request(server, method, target_of(path, query or {}), body)
        asked = self.asked[-1]
        if response.status != 200:
            answer = response.json
            raise PeerFault(destination, response.status, answer.get("errcode", ""), answer)
        answer = response.json if self.twist is None else self.twist(asked, response.json)
        if isinstance(answer, list):
            answer = answer[1]
        assert isinstance(answer, dict)
        return answer


@define(eq=False)
class Wire:
    """One server's way to the others.  Implements ``federation.services.ports.Peers``."""

    network: Network
    server: Server

    async def fetch(self, destination: ServerName, path: str, query: Any = None, **_: Any) -> JSONObject:
        return await self._ask(destination, "GET", path, query, None)

    async def send(
        self, destination: ServerName, method: str, path: str, body: object, *, query: Any = None, **_: Any
    ) -> JSONObject:
        return await self._ask(destination, method, path, query, body)

    async def fetch_server_keys(self, server: ServerName) -> JSONObject:
        peer = self.network.servers.get(server)
        if peer is None:
            raise PeerUnreachable(server, "nobody")
        answer: JSONObject = (await peer.client.get(f"{KEY_V2}/server")).json
        return answer

    async def query_keys(self, notary: ServerName, wanted: Any) -> Sequence[JSONObject]:
        raise PeerUnreachable(notary, "nobody is trusted")

    async def _ask(self, destination: ServerName, method: str, path: str, query: Any, body: object) -> JSONObject:
        destinations = self.server.destinations
        if not destinations.may_try(destination):
            raise PeerUnreachable(destination, "it did not answer lately")
        try:
            answer = await self.network.ask(self.server, destination, method, path, query, body)
        except PeerUnreachable:
            await destinations.failed(destination)
            raise
        await destinations.reached(destination)
        return answer
