"""An application service for tests: it listens on a socket, keeps what it is told, and answers as it is made to."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson
import yaml
from attrs import define, field
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from scripts.laboratory.processes import free_port

NOT_FOUND: tuple[int, Any] = (404, {})
REGISTRATION: dict[str, Any] = {
    "id": "bridge",
    "as_token": "as-secret",
    "hs_token": "hs-secret",
    "sender_localpart": "_bridge",
    "namespaces": {
        "users": [{"exclusive": True, "regex": "@_bridge_.*"}],
        "aliases": [{"exclusive": True, "regex": "#_bridge_.*"}],
        "rooms": [],
    },
}


@define
class Request:
    """One that came, with what was in its query."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    authorization: str | None


class Bridge(Resource):
    """*answers*: {path: (status, body)}; without one a transaction is answered with *status*, all else with 404."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self.answers: dict[str, tuple[int, Any]] = {}
        self.status = 200
        self.is_old = False
        """It knows no path of the spec's versions."""
        self.on_request: Any = None
        """A coroutine function that is done before an answer goes out."""

    @property
    def transactions(self) -> list[Request]:
        """Those that came, taken or not."""
        return [each for each in self.requests if "/transactions/" in each.path]

    @property
    def events(self) -> list[Any]:
        """The events of all transactions."""
        return [event for each in self.transactions for event in each.body["events"]]

    def told(self, name: str) -> list[Any]:
        """What lists of this name in transactions hold."""
        return [item for each in self.transactions for item in each.body.get(name, ())]

    def bodies(self) -> list[str]:
        """The texts of all messages."""
        return [event["content"]["body"] for event in self.events if event["type"] == "m.room.message"]

    def render(self, request: Any) -> Any:
        path = unquote(request.path.decode())
        text = request.content.read()
        found = Request(
            request.method.decode(),
            path,
            {name.decode(): values[0].decode() for name, values in request.args.items()},
            orjson.loads(text) if text else None,
            request.getHeader("authorization"),
        )
        self.requests.append(found)
        Deferred.fromCoroutine(self._answer(request, found))
        return NOT_DONE_YET

    async def _answer(self, request: Any, found: Request) -> None:
        if self.on_request is not None:
            await self.on_request(found)
        is_transaction = "/transactions/" in found.path
        if self.is_old and found.path.startswith("/_matrix/app/v1/"):
            status, body = NOT_FOUND
        else:
            status, body = self.answers.get(found.path, (self.status, {}) if is_transaction else NOT_FOUND)
        request.setResponseCode(status)
        request.setHeader("content-type", "application/json")
        # So that nobody is heard any more once the port is closed.
        request.setHeader("connection", "close")
        request.write(orjson.dumps(body))
        request.finish()


@define(eq=False)
class BridgePort:
    """The socket of a bridge, which can be closed and opened again under the same number."""

    bridge: Bridge
    number: int = field(factory=free_port)
    _port: Any = field(init=False, default=None)

    def open(self) -> "BridgePort":
        site: Any = Site(self.bridge)
        self._port = reactor.listenTCP(self.number, site, interface="127.0.0.1")
        return self

    async def close(self) -> None:
        if self._port is not None:
            port, self._port = self._port, None
            await port.stopListening()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.number}"


def write_registration(folder: Path, url: str | None, **more: Any) -> str:
    """The path of a registration file."""
    path = folder / f"{more.get('id', 'bridge')}.yaml"
    path.write_text(yaml.safe_dump({**REGISTRATION, "url": url, **more}))
    return str(path)
