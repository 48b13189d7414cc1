"""Push rules over HTTP."""

from typing import Any

from tests.accounts import Accounts
from tests.client import Client
from tests.databases import DatabaseCase

RULES = "/_matrix/client/v3/pushrules"
CAKE = f"{RULES}/global/content/cake"
BODY = {"pattern": "cake*lie", "actions": ["notify"]}


class PushRuleTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.accounts = Accounts(self.database)
        self.stranger = Client(self.accounts.site())
        opened = await self.accounts.register("alice")
        assert opened.tokens is not None
        self.alice = self.stranger.signed_in(opened.tokens.access_token)

    async def test_the_servers_rules(self) -> None:
        """All five kinds, with the user's own ID where a rule needs it."""
        whole = (await self.alice.get(f"{RULES}/")).json["global"]

        self.assertEqual({"override", "content", "room", "sender", "underride"}, set(whole))
        self.assertEqual(whole, (await self.alice.get(f"{RULES}/global/")).json)
        self.assertEqual(".m.rule.master", whole["override"][0]["rule_id"])
        self.assertIn("@alice:localhost", str(whole["override"]))

    async def test_a_rule_comes_and_goes(self) -> None:
        """Added enabled, shown, and deleted."""
        added = await self.alice.put(CAKE, BODY)
        shown = await self.alice.get(CAKE)
        deleted = await self.alice.delete(CAKE)

        self.assertEqual((200, {}), (added.status, added.json))
        self.assertEqual({**BODY, "rule_id": "cake", "default": False, "enabled": True}, shown.json)
        self.assertEqual(200, deleted.status)
        self.assertEqual((404, "M_NOT_FOUND"), _seen(await self.alice.get(CAKE)))

    async def test_order(self) -> None:
        """A rule is placed before or after another of the user's own."""
        for name, query in (("a", {}), ("b", {}), ("c", {"after": "b"}), ("d", {"before": "a"})):
            await self.alice.put(f"{RULES}/global/content/{name}", BODY, **query)
        content = (await self.alice.get(f"{RULES}/global/")).json["content"]

        self.assertEqual(["b", "c", "d", "a"], [rule["rule_id"] for rule in content if not rule["default"]])

    async def test_switching(self) -> None:
        """The server's rules, too."""
        master = f"{RULES}/global/override/.m.rule.master/enabled"
        before = await self.alice.get(master)
        await self.alice.put(master, {"enabled": True})

        self.assertEqual(({"enabled": False}, {"enabled": True}), (before.json, (await self.alice.get(master)).json))

    async def test_actions(self) -> None:
        """What a rule does is changed apart from the rule."""
        path = f"{RULES}/global/underride/.m.rule.message/actions"
        actions = ["notify", {"set_tweak": "sound", "value": "bing"}]
        await self.alice.put(path, {"actions": actions})

        self.assertEqual({"actions": actions}, (await self.alice.get(path)).json)

    async def test_rules_that_are_not_there(self) -> None:
        """404, whatever is asked of them."""
        master = f"{RULES}/global/override/.m.rule.master"
        for response in (
            await self.alice.get(CAKE),
            await self.alice.delete(CAKE),
            await self.alice.delete(master),
            await self.alice.get(f"{CAKE}/enabled"),
            await self.alice.put(f"{CAKE}/enabled", {"enabled": True}),
            await self.alice.get(f"{CAKE}/actions"),
            await self.alice.put(f"{CAKE}/actions", {"actions": []}),
        ):
            self.assertEqual((404, "M_NOT_FOUND"), _seen(response))

    async def test_bad_requests(self) -> None:
        """Kinds, names, bodies and neighbors that there are not."""
        bad: list[tuple[str, Any, str]] = [
            ("strange/cake", BODY, "M_INVALID_PARAM"),
            ("content/.cake", BODY, "M_INVALID_PARAM"),
            ("content/a%2Fb", BODY, "M_INVALID_PARAM"),
            ("content/" + "x" * 300, BODY, "M_INVALID_PARAM"),
            ("content/cake?before=strange", BODY, "M_UNKNOWN"),
            ("content/cake?after=.m.rule.message", BODY, "M_INVALID_PARAM"),
            ("content/cake", {}, "M_MISSING_PARAM"),
            ("content/cake", {"actions": "notify", "pattern": "x"}, "M_BAD_JSON"),
            ("content/cake", {"actions": ["dance"], "pattern": "x"}, "M_BAD_JSON"),
            ("content/cake", {"actions": []}, "M_BAD_JSON"),
            ("override/cake", {"actions": [], "conditions": [7]}, "M_BAD_JSON"),
            ("content/cake", [], "M_BAD_JSON"),
            ("content/cake", b"x", "M_NOT_JSON"),
        ]
        for path, body, code in bad:
            self.assertEqual((400, code), _seen(await self.alice.put(f"{RULES}/global/{path}", body)), (path, body))
        for part, body in (("enabled", {"enabled": "yes"}), ("enabled", {}), ("actions", {}), ("actions", [])):
            response = await self.alice.put(f"{RULES}/global/override/.m.rule.master/{part}", body)
            self.assertEqual(400, response.status)
        self.assertEqual((401, "M_MISSING_TOKEN"), _seen(await self.stranger.get(f"{RULES}/")))


def _seen(response: Any) -> tuple[int, str | None]:
    return response.status, response.errcode
