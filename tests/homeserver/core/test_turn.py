"""Tests of homeserver/core/turn.py."""

from unittest import TestCase

from homeserver.core.identifiers import UserID
from homeserver.core.turn import turn_credentials


class TurnTests(TestCase):
    def test_what_coturn_computes(self) -> None:
        """``echo -n NAME | openssl dgst -binary -sha1 -hmac SECRET | openssl base64`` says the same."""
        credentials = turn_credentials(UserID("@user:example.com"), "n0t-a-secret", 1443779631)

        self.assertEqual("1443779631:@user:example.com", credentials.username)
        self.assertEqual("eZCZxonqG0OFnZtUxMmkMk8xLgo=", credentials.password)
