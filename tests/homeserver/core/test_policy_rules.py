"""Tests of rules of policy rooms and of policy servers' signatures."""

from typing import Any
from unittest import TestCase

from homeserver.core.globs import compile_globs
from homeserver.core.identifiers import RoomID, ServerName, UserID
from homeserver.core.policy_rules import Rule, bans_of
from homeserver.core.policy_servers import policy_server_of

OWN = ServerName("one.example")


class PolicyRulesTests(TestCase):
    def test_globs_ban(self) -> None:
        """Users by their whole ID, servers without port and case, rooms by their ID."""
        bans = bans_of(
            OWN, [Rule("user", "@spam*:*"), Rule("server", "*.Bad.example"), Rule("room", "!vile:two.example")]
        )

        self.assertTrue(bans.bans_user(UserID("@spammer:good.example")))
        self.assertTrue(bans.bans_user(UserID("@x:very.bad.example:8448")))
        self.assertFalse(bans.bans_user(UserID("@x:good.example")))
        self.assertTrue(bans.bans_room(RoomID("!vile:two.example")))
        self.assertFalse(bans.bans_room(RoomID("!fine:two.example")))

    def test_no_rule_about_servers_is_about_this_one(self) -> None:
        """A list that bans everybody does not shut this server down; rules about its users count."""
        bans = bans_of(OWN, [Rule("server", "*"), Rule("user", "@mallory:one.example")])

        self.assertFalse(bans.bans_user(UserID("@alice:one.example")))
        self.assertTrue(bans.bans_user(UserID("@mallory:one.example")))
        self.assertTrue(bans.bans_user(UserID("@x:two.example")))

    def test_nothing_bans_nobody(self) -> None:
        """No rules, no bans."""
        self.assertEqual(bans_of(OWN, []).users, compile_globs([]))
        self.assertFalse(bans_of(OWN, []).bans_user(UserID("@x:two.example")))


class PolicyServerTests(TestCase):
    def test_what_names_a_server(self) -> None:
        """A name and a key that is text; all else names none."""
        key = {"ed25519": "6yhHGKhCiXTSEN2ksjV7kX_N6rBQZ3Xb-M7LlC6NS-s"}
        stories: list[tuple[Any, str | None]] = [
            ({"via": "policy.example", "public_keys": key}, "policy.example"),
            ({"via": "policy.example", "public_keys": {"ed25519": "???"}}, "policy.example"),
            ({"via": "policy.example", "public_keys": {}}, None),
            ({"via": "policy.example", "public_keys": {"ed25519": 1}}, None),
            ({"via": "policy.example"}, None),
            ({"via": "no server!", "public_keys": key}, None),
            ({"via": 5, "public_keys": key}, None),
            ({}, None),
        ]
        for content, expected in stories:
            with self.subTest(content=content):
                server = policy_server_of(content)

                self.assertEqual(expected, None if server is None else server.name)
