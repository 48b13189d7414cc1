"""What the server says it speaks."""

from twisted.trial.unittest import TestCase

from homeserver.http.client.versions import VersionsEndpoints
from tests.client import Client, a_site


class VersionsTests(TestCase):
    async def test_versions_and_features(self) -> None:
        """From r0 to v1.19, with the features that other modules add; a token that is not good does no harm."""
        client = Client(a_site(VersionsEndpoints({"org.example.feature": True})), "unknown")
        response = await client.get("/_matrix/client/versions")

        self.assertEqual(200, response.status)
        self.assertEqual(("r0.6.0", "v1.19"), (response.json["versions"][0], response.json["versions"][-1]))
        self.assertIs(True, response.json["unstable_features"]["org.example.feature"])
