"""The whole server pushes: what one client says is heard by the gateway of another."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from twisted.internet import reactor
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from conf.reading import parse_settings
from homeserver.http.request import EdgeSite
from scripts.laboratory.processes import free_port
from scripts.serve import Server, start
from tests.client import Client
from tests.waiting import until

V3 = "/_matrix/client/v3"


class Gateway(Resource):
    """Keeps what it hears."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Any] = []

    def render_POST(self, request: Any) -> bytes:
        self.heard.append(orjson.loads(request.content.read())["notification"])
        return b'{"rejected":[]}'


class PushTests(TestCase):
    async def test_from_client_to_gateway_over_a_restart(self) -> None:
        """Also what is said while the gateway is away, and the server is started anew."""
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        gateway = Gateway()
        number = free_port()
        port = self.listen(gateway, number)
        settings = parse_settings(
            {
                "listeners": [{"port": 0}],
                "passwords": {"argon2_time_cost": 1, "argon2_memory_kib": 8},
                "rate_limits": {"enabled": False},
                "outbound": {"verify_tls": False, "allow_private_addresses": True},
                "push": {"retry_min_seconds": 0.1, "retry_max_seconds": 0.1},
            },
            Path(folder.name),
        )
        server = await start(settings, reactor)
        alice, bob = [await self.registered(server, name) for name in ("alice", "bob")]
        room_id = (await alice.post(f"{V3}/createRoom", {"preset": "public_chat", "name": "Tea"})).json["room_id"]
        await bob.post(f"{V3}/join/{room_id}", {})
        pusher = {
            "kind": "http",
            "app_id": "app",
            "pushkey": "key",
            "app_display_name": "App",
            "device_display_name": "Phone",
            "lang": "en",
            "data": {"url": f"http://127.0.0.1:{number}/_matrix/push/v1/notify"},
        }
        self.assertEqual(200, (await alice.post(f"{V3}/pushers/set", pusher)).status)
        first = await self.say(bob, room_id, "one")
        await until(lambda: len(gateway.heard) == 1, "the first is pushed")
        await port.stopListening()
        second = await self.say(bob, room_id, "two")
        await server.stop()
        server = await start(settings, reactor)
        self.addCleanup(server.stop)
        port = self.listen(gateway, number)
        self.addCleanup(port.stopListening)
        await until(lambda: len(gateway.heard) == 2, "the second is pushed")

        self.assertEqual([first, second], [notice["event_id"] for notice in gateway.heard])
        self.assertEqual([{"unread": 1}, {"unread": 2}], [notice["counts"] for notice in gateway.heard])
        self.assertEqual({"Tea"}, {notice["room_name"] for notice in gateway.heard})

    def listen(self, gateway: Gateway, number: int) -> Any:
        site: Any = Site(gateway)
        return reactor.listenTCP(number, site, interface="127.0.0.1")

    async def registered(self, server: Server, name: str) -> Client:
        client = Client(EdgeSite(server.edge, server.settings.http, reactor))
        account = {"username": name, "password": "a good one", "auth": {"type": "m.login.dummy"}}
        return client.signed_in((await client.post(f"{V3}/register", account)).json["access_token"])

    async def say(self, client: Client, room_id: str, body: str) -> str:
        content = {"msgtype": "m.text", "body": body}
        sent = await client.put(f"{V3}/rooms/{room_id}/send/m.room.message/{body}", content)
        return str(sent.json["event_id"])
