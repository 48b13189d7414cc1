"""Registrations as files describe them."""

from typing import Any
from unittest import TestCase

from homeserver.core.appservices.registration import Registration, find_clash, parse_registration
from homeserver.core.identifiers import RoomAlias, RoomID, ServerName, UserID
from homeserver.core.malformed import Malformed

HERE = ServerName("example.org")
# The spec's example.
IRC: dict[str, Any] = {
    "id": "IRC Bridge",
    "url": "http://127.0.0.1:1234",
    "as_token": "30c05ae90a248a4188e620216fa72e349803310ec83e2a77b34fe90be6081f46",
    "hs_token": "312df522183efd404ec1cd22d2ffa4bbc76a8c1ccf541dd692eef281356bb74e",
    "sender_localpart": "_irc_bot",
    "namespaces": {
        "users": [{"exclusive": True, "regex": "@_irc_bridge_.*"}],
        "aliases": [{"exclusive": False, "regex": "#_irc_bridge_.*"}],
        "rooms": [],
    },
}


def parse(**more: Any) -> Registration:
    return parse_registration({**IRC, **more}, HERE)


class RegistrationTests(TestCase):
    def test_the_example_of_the_spec(self) -> None:
        """What it says, and what it leaves unsaid."""
        registration = parse()

        self.assertEqual("@_irc_bot:example.org", registration.sender)
        self.assertEqual("http://127.0.0.1:1234", registration.url)
        self.assertTrue(registration.rate_limited)
        self.assertEqual(
            (False, (), False), (registration.receive_ephemeral, registration.protocols, registration.encryption)
        )
        self.assertNotIn(IRC["as_token"], repr(registration))

    def test_whose_users_they_are(self) -> None:
        """Its sender, and those of its namespaces, on this server alone."""
        registration = parse()

        for user_id in ("@_irc_bot:example.org", "@_irc_bridge_ann:example.org"):
            self.assertTrue(registration.owns(UserID(user_id)) and registration.owns_exclusively(UserID(user_id)))
        for user_id in ("@_irc_bridge_ann:elsewhere.org", "@alice:example.org"):
            self.assertFalse(registration.owns(UserID(user_id)) or registration.owns_exclusively(UserID(user_id)))
        self.assertTrue(registration.holds_alias(RoomAlias("#_irc_bridge_tea:example.org")))
        self.assertFalse(registration.holds_room(RoomID("!x:example.org")))

    def test_what_may_be_said(self) -> None:
        """No URL, a path in it, options by old names, and keys that only the bridge knows."""
        self.assertIsNone(parse(url=None).url)
        self.assertEqual("https://x.example/bridge", parse(url="https://x.example/bridge/").url)
        stable = parse(receive_ephemeral=True)
        older = parse(**{"de.sorunome.msc2409.push_ephemeral": True})
        self.assertEqual((True, ("ephemeral",)), (stable.receive_ephemeral, stable.ephemeral_names))
        self.assertEqual((True, ("de.sorunome.msc2409.ephemeral",)), (older.receive_ephemeral, older.ephemeral_names))
        other = parse(
            **{"org.matrix.msc3202": True, "io.element.msc4190": True, "rate_limited": False, "com.example": 1}
        )
        self.assertEqual((True, True, False), (other.encryption, other.manages_devices, other.rate_limited))

    def test_what_is_wrong_is_named(self) -> None:
        """By its key."""
        wrong: list[tuple[str, dict[str, Any]]] = [
            ("id", {"id": ""}),
            ("id", {"id": 5}),
            ("url", {"url": "ftp://x"}),
            ("url", {"url": "http://"}),
            ("url", {"url": "http://x:99999"}),
            ("as_token", {"as_token": None}),
            ("hs_token", {"hs_token": "a\nb"}),
            ("sender_localpart", {"sender_localpart": "a:b"}),
            ("rate_limited", {"rate_limited": "no"}),
            ("receive_ephemeral", {"receive_ephemeral": 1}),
            ("protocols", {"protocols": "irc"}),
            ("namespaces", {"namespaces": None}),
            ("namespaces.users", {"namespaces": {"users": {}}}),
            ("namespaces.users[0]", {"namespaces": {"users": [1]}}),
            ("namespaces.users[0].regex", {"namespaces": {"users": [{"regex": "(", "exclusive": True}]}}),
            ("namespaces.rooms[0].exclusive", {"namespaces": {"rooms": [{"regex": "!a"}]}}),
        ]
        for path, more in wrong:
            with self.subTest(path=path, more=more):
                with self.assertRaises(Malformed) as raised:
                    parse(**more)
                self.assertEqual(path, raised.exception.path)
        for key in ("id", "url", "as_token", "hs_token", "sender_localpart", "namespaces"):
            with self.subTest(missing=key), self.assertRaises(Malformed) as raised:
                parse_registration({name: value for name, value in IRC.items() if name != key}, HERE)
            self.assertEqual(key, raised.exception.path)
        with self.assertRaises(Malformed):
            parse_registration(["id"], HERE)

    def test_two_that_cannot_be_told_apart(self) -> None:
        """By ID, token or sender."""
        other = {"id": "b", "as_token": "b", "sender_localpart": "b"}

        self.assertIsNone(find_clash([parse(), parse(**other)]))
        for key in other:
            clash = find_clash([parse(), parse(**{**other, key: IRC[key]})])
            assert clash is not None
            self.assertEqual(key, clash[2])
