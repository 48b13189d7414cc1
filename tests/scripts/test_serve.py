"""The whole server, put together as it runs: it starts, answers, stops, and starts again where it was."""

from pathlib import Path
from tempfile import TemporaryDirectory

import structlog.testing
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from conf.reading import SettingsError, parse_settings
from conf.settings import Settings
from homeserver.http.listeners import CannotListen
from homeserver.http.request import EdgeSite
from scripts.serve import Server, start
from tests.client import Client

QUICK = {"passwords": {"argon2_time_cost": 1, "argon2_memory_kib": 8}, "listeners": [{"port": 0}]}
ACCOUNT = {"username": "alice", "password": "a good one", "auth": {"type": "m.login.dummy"}}


class ServeTests(TestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def settings(self, **more: object) -> Settings:
        return parse_settings({**QUICK, **more}, self.folder)

    def client(self, server: Server) -> Client:
        return Client(EdgeSite(server.edge, server.settings.http, reactor))

    async def test_what_was_acknowledged_is_there_after_a_restart(self) -> None:
        """An account made with one run logs in with the next."""
        first = await start(self.settings(), reactor)
        registered = await self.client(first).post("/_matrix/client/v3/register", ACCOUNT)
        await first.stop()
        second = await start(self.settings(), reactor)
        client = self.client(second).signed_in(registered.json["access_token"])
        whoami = await client.get("/_matrix/client/v3/account/whoami")
        await second.stop()

        self.assertEqual({"alice"}, {registered.json["user_id"][1:6]})
        self.assertEqual((200, "@alice:localhost"), (whoami.status, whoami.json["user_id"]))

    async def test_settings_reach_what_they_set(self) -> None:
        """The name, the base URL, and who may make accounts."""
        server = await start(self.settings(server_name="example.org", public_baseurl="https://m.example.org"), reactor)
        client = self.client(server)
        refused = await client.post("/_matrix/client/v3/register", ACCOUNT)
        found = await client.get("/.well-known/matrix/client")
        page = await client.get("/")
        await server.stop()

        self.assertEqual((403, "M_FORBIDDEN"), (refused.status, refused.errcode))
        self.assertEqual("https://m.example.org", found.json["m.homeserver"]["base_url"])
        self.assertIn(b"example.org", page.body)

    async def test_a_database_that_is_gone_is_no_mistake_of_ours(self) -> None:
        """Clients are told to come back."""
        server = await start(self.settings(), reactor)
        client = self.client(server)
        await server.database.close()
        with structlog.testing.capture_logs():
            response = await client.post("/_matrix/client/v3/register", ACCOUNT)
        await server.stop()

        self.assertEqual((503, "M_UNKNOWN"), (response.status, response.errcode))

    async def test_what_keeps_it_from_starting_is_named(self) -> None:
        """A port that is taken, and a folder that is a file; nothing stays open."""
        server = await start(self.settings(), reactor)
        port = server.listeners.ports[0].getHost().port  # type: ignore[attr-defined]
        with self.assertRaises(CannotListen) as taken:
            await start(self.settings(listeners=[{"port": port}]), reactor)
        await server.stop()
        (self.folder / "file").write_text("")
        with self.assertRaises(SettingsError) as folder:
            await start(self.settings(data_dir="file"), reactor)

        self.assertIn(str(port), str(taken.exception))
        self.assertIn("data_dir", str(folder.exception))
