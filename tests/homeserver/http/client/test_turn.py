"""TURN credentials over HTTP."""

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from homeserver.core.identifiers import UserID
from homeserver.core.turn import turn_credentials
from homeserver.http.client.turn import TurnEndpoints, TurnSettings
from tests.client import Client, a_site

PATH = "/_matrix/client/v3/voip/turnServer"
URIS = ("turn:turn.example.org?transport=udp", "turns:turn.example.org")


class TurnTests(TestCase):
    async def test_credentials(self) -> None:
        """They are of the caller, and good for as long as is told."""
        clock = Clock()
        clock.advance(1_000)
        client = Client(a_site(TurnEndpoints(clock, TurnSettings(URIS, "secret", 600))), "alice")
        expected = turn_credentials(UserID("@alice:localhost"), "secret", 1_600)

        self.assertEqual(
            {"username": expected.username, "password": expected.password, "uris": list(URIS), "ttl": 600},
            (await client.get(PATH)).json,
        )
        self.assertEqual("M_MISSING_TOKEN", (await client.signed_in(None).get(PATH)).errcode)

    async def test_no_servers(self) -> None:
        """Nothing is told where there is nothing."""
        self.assertEqual({}, (await Client(a_site(TurnEndpoints(Clock())), "alice").get(PATH)).json)

    def test_settings(self) -> None:
        """What no client could use is refused at the start."""
        for uris, secret, lifetime in (((), "s", 600), (("https://x",), "s", 600), (URIS, "", 600), (URIS, "s", 1)):
            with self.assertRaises(ValueError):
                TurnSettings(uris, secret, lifetime)
