"""Tests of by whom a user wants to be invited."""

from typing import Any
from unittest import TestCase

from homeserver.core.identifiers import UserID
from homeserver.core.invite_permissions import EVERYBODY, InviteAnswer, invite_permission_of

ALLOW, IGNORE, BLOCK = InviteAnswer.ALLOW, InviteAnswer.IGNORE, InviteAnswer.BLOCK
GOOD, OTHER, PORT = UserID("@john:good.example"), UserID("@Mary:other.example"), UserID("@x:bad.example:8448")

STORIES: list[tuple[str, dict[str, Any], list[InviteAnswer]]] = [
    ("Nothing is said", {}, [ALLOW, ALLOW, ALLOW]),
    ("All are blocked", {"default_action": "block"}, [BLOCK, BLOCK, BLOCK]),
    ("What is not known allows", {"default_action": "dance"}, [ALLOW, ALLOW, ALLOW]),
    ("No invites at all", {"blocked_servers": ["*"]}, [BLOCK, BLOCK, BLOCK]),
    ("One server only", {"allowed_servers": ["good.example"], "blocked_servers": ["*"]}, [ALLOW, BLOCK, BLOCK]),
    ("A port is not looked at", {"blocked_servers": ["bad.example"]}, [ALLOW, ALLOW, BLOCK]),
    ("Ignored before blocked", {"ignored_servers": ["*.example"], "blocked_servers": ["*"]}, [IGNORE] * 3),
    ("Users before servers", {"allowed_users": ["@john:*"], "blocked_servers": ["*"]}, [ALLOW, BLOCK, BLOCK]),
    ("A user of an allowed server", {"blocked_users": ["@?ohn:*"], "allowed_servers": ["*"]}, [BLOCK, ALLOW, ALLOW]),
    ("Switched off", {"enabled": False, "blocked_servers": ["*"], "default_action": "block"}, [ALLOW] * 3),
    ("No list of strings is nothing", {"blocked_servers": ["*", 1]}, [ALLOW] * 3),
    ("No list is nothing", {"blocked_users": "@john:good.example", "default_action": "block"}, [ALLOW] * 3),
    ("Lists stand above the default", {"allowed_users": ["@Mary:*"], "default_action": "block"}, [BLOCK, ALLOW, BLOCK]),
]


class InvitePermissionTests(TestCase):
    def test_the_first_list_that_names_somebody_decides(self) -> None:
        """Users before servers, and among each allowed before ignored before blocked."""
        for name, content, expected in STORIES:
            with self.subTest(name):
                permission = invite_permission_of(content)

                self.assertEqual(expected, [permission.answer(user_id) for user_id in (GOOD, OTHER, PORT)])

    def test_who_allows_all_is_like_everybody(self) -> None:
        """So that nobody is asked twice."""
        self.assertIs(EVERYBODY, invite_permission_of({"allowed_users": []}))
