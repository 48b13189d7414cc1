"""Clients learn what carries calls."""

from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.trial.unittest import TestCase

from conf.reading import SettingsError, parse_settings
from homeserver.core.identifiers import UserID
from homeserver.http.authentication import token_authenticators
from homeserver.http.client.rtc_transports import RTC_FOCI, RTCSettings, RTCTransportEndpoints, RTCTransportSettings
from homeserver.http.client.wellknown import SupportSettings, WellKnownEndpoints
from homeserver.services.callers import Caller
from homeserver.services.livekit.settings import LiveKitSettings
from tests.client import Client, Tokens, a_site

PATHS = ("/_matrix/client/v1/rtc/transports", "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports")
URL = "https://rtc.example.org/livekit/jwt"
ONE = RTCSettings((RTCTransportSettings(livekit_service_url=URL),))


class TransportTests(TestCase):
    async def test_users_are_told(self) -> None:
        """In the order of the settings, guests too, at both paths."""
        two = RTCSettings((*ONE.transports, RTCTransportSettings("org.example.mesh")))
        tokens = Tokens({"guest": Caller(UserID("@guest:localhost"), None, is_guest=True)})
        site = a_site(RTCTransportEndpoints(two), authenticators=token_authenticators(tokens))
        for path in PATHS:
            for token in ("alice", "guest"):
                response = await Client(site, token).get(path)
                expected = [{"type": "livekit", "livekit_service_url": URL}, {"type": "org.example.mesh"}]

                self.assertEqual({"rtc_transports": expected}, response.json)

    async def test_the_own_cluster_comes_first(self) -> None:
        """Who does not ask servers for tokens is not told of it."""
        own = evolve(ONE, livekit=LiveKitSettings("wss://rtc.example.org", "key", "x" * 32))
        response = await Client(a_site(RTCTransportEndpoints(own)), "alice").get(PATHS[0])

        first, second = response.json["rtc_transports"]
        self.assertEqual({"type": "livekit", "url": "wss://rtc.example.org"}, first)
        self.assertEqual([second], own.services_to_json())

    async def test_strangers_are_not(self) -> None:
        """What carries calls is for users."""
        response = await Client(a_site(RTCTransportEndpoints(ONE))).get(PATHS[0])

        self.assertEqual((401, "M_MISSING_TOKEN"), (response.status, response.errcode))

    async def test_without_any_the_list_is_empty(self) -> None:
        """The endpoint is there all the same."""
        response = await Client(a_site(RTCTransportEndpoints(RTCSettings())), "alice").get(PATHS[0])

        self.assertEqual({"rtc_transports": []}, response.json)

    async def test_older_clients_find_them_well_known(self) -> None:
        """Beside where the server is."""
        endpoints = WellKnownEndpoints("https://example.org", SupportSettings(), {RTC_FOCI: ONE.to_json()})
        response = await Client(a_site(endpoints)).get("/.well-known/matrix/client")

        self.assertEqual("https://example.org", response.json["m.homeserver"]["base_url"])
        self.assertEqual([{"type": "livekit", "livekit_service_url": URL}], response.json[RTC_FOCI])


class SettingsTests(TestCase):
    def test_they_are_read(self) -> None:
        """A section with a list."""
        tree = {"rtc": {"transports": [{"type": "livekit", "livekit_service_url": URL}]}}

        self.assertEqual(ONE, parse_settings(tree, Path("/srv")).rtc)

    def test_wrong_ones_are_named(self) -> None:
        """With what is wrong."""
        cases: list[tuple[dict[str, Any], str]] = [
            ({"type": "livekit"}, "livekit_service_url"),
            ({"type": "Live Kit", "livekit_service_url": URL}, "type"),
            ({"livekit_service_url": "rtc.example.org"}, "https://"),
            ({"livekit_service_url": URL, "secret": "x"}, "secret"),
        ]
        for transport, named in cases:
            with self.subTest(transport=transport), self.assertRaises(SettingsError) as wrong:
                parse_settings({"rtc": {"transports": [transport]}}, Path("/srv"))
            self.assertIn(named, str(wrong.exception))
            self.assertIn("rtc.transports", str(wrong.exception))

    def test_a_cluster_has_an_address_and_a_key(self) -> None:
        """And a secret that nobody guesses, which errors do not tell."""
        good = {"url": "wss://rtc.example.org", "api_key": "key", "api_secret": "s" * 32}
        settings = parse_settings({"rtc": {"livekit": good}}, Path("/srv"))
        self.assertEqual(LiveKitSettings("wss://rtc.example.org", "key", "s" * 32), settings.rtc.livekit)
        self.assertNotIn("s" * 32, repr(settings))
        for name, value in (("url", URL), ("api_key", ""), ("api_secret", "short"), ("token_seconds", 1)):
            with self.subTest(name=name), self.assertRaises(SettingsError) as wrong:
                parse_settings({"rtc": {"livekit": {**good, name: value}}}, Path("/srv"))
            self.assertIn("rtc.livekit", str(wrong.exception))
            self.assertIn(name, str(wrong.exception))
