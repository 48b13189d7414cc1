"""The whole server with an application service, for tests."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from conf.reading import parse_settings
from homeserver.http.request import EdgeSite
from scripts.serve import Server, start
from tests.bridges import Bridge, BridgePort, write_registration
from tests.client import Client, Response
from tests.waiting import until

V3 = "/_matrix/client/v3"


V1 = "/_matrix/client/v1"


APP = "/_matrix/app/v1"


GHOST = "@_bridge_ghost:localhost"


class AppserviceCase(TestCase):
    """``self.bridge`` listens, and ``self.server`` knows it."""

    registration: ClassVar[dict[str, Any]] = {}

    async def setUp(self) -> None:  # type: ignore[override]
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.bridge = Bridge()
        self.port = BridgePort(self.bridge).open()
        self.addCleanup(self.port.close)
        await self.start()
        self.addCleanup(self.stop)
        self.service = self.client("as-secret")

    async def start(self, **more: Any) -> None:
        settings = parse_settings(
            {
                "listeners": [{"port": 0}],
                "passwords": {"argon2_time_cost": 1, "argon2_memory_kib": 8},
                "rate_limits": {"enabled": False},
                "appservices": [write_registration(self.folder, self.port.url, **self.registration)],
                "appservice_traffic": {"retry_min_seconds": 0.1, "retry_max_seconds": 0.1, "query_timeout_seconds": 2},
                **more,
            },
            self.folder,
        )
        self.server: Server = await start(settings, reactor)

    async def stop(self) -> None:
        """Whichever server runs now."""
        await self.server.stop()

    def client(self, token: str | None) -> Client:
        return Client(EdgeSite(self.server.edge, self.server.settings.http, reactor), token)

    async def user(self, name: str) -> Client:
        account = {"username": name, "password": "a good one", "auth": {"type": "m.login.dummy"}}
        registered = await self.client(None).post(f"{V3}/register", account)
        return self.client(registered.json["access_token"])

    async def ghost(self, name: str = "_bridge_ghost") -> str:
        body = {"type": "m.login.application_service", "username": name, "inhibit_login": True}
        registered = await self.service.post(f"{V3}/register", body)
        self.assertEqual(200, registered.status, registered.body)
        return str(registered.json["user_id"])

    async def room_with_ghost(self, alice: Client, **more: Any) -> str:
        await self.ghost()
        room_id = (await alice.post(f"{V3}/createRoom", {"preset": "public_chat", **more})).json["room_id"]
        joined = await self.service.post(f"{V3}/join/{room_id}", {}, user_id=GHOST)
        self.assertEqual(200, joined.status, joined.body)
        return str(room_id)

    async def say(self, client: Client, room_id: str, body: str, **query: Any) -> Response:
        content = {"msgtype": "m.text", "body": body}
        return await client.put(f"{V3}/rooms/{room_id}/send/m.room.message/{body}", content, **query)

    async def until(self, holds: Any) -> None:
        await until(holds, "the bridge is told")
