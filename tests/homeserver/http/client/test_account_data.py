"""Account data, tags and filters over HTTP."""

from typing import Any

from tests.accounts import Accounts
from tests.client import Client
from tests.databases import DatabaseCase

USER = "/_matrix/client/v3/user/@alice:localhost"
OTHER = "/_matrix/client/v3/user/@bob:localhost"
ROOM = "rooms/!room:localhost"


class OwnDataTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.accounts = Accounts(self.database)
        self.stranger = Client(self.accounts.site())
        opened = await self.accounts.register("alice")
        assert opened.tokens is not None
        self.alice = self.stranger.signed_in(opened.tokens.access_token)

    async def test_account_data(self) -> None:
        """Kept and given back, for the account and for a room."""
        for scope in ("account_data", f"{ROOM}/account_data"):
            content = {"scope": scope, "nested": {"list": [1, None, 1.5]}}
            missing = await self.alice.get(f"{USER}/{scope}/org.example")
            kept = await self.alice.put(f"{USER}/{scope}/org.example", content)
            given = await self.alice.get(f"{USER}/{scope}/org.example")

            self.assertEqual((404, "M_NOT_FOUND"), _seen(missing))
            self.assertEqual((200, {}, content), (kept.status, kept.json, given.json))

    async def test_no_body_is_not_an_object(self) -> None:
        """Spec: client-server-api#put_matrixclientv3useruseridaccount_datatype"""
        for scope in ("account_data", f"{ROOM}/account_data"):
            self.assertEqual((400, "M_NOT_JSON"), _seen(await self.alice.put(f"{USER}/{scope}/org.example")))

    async def test_what_the_server_manages(self) -> None:
        """405 for writing; push rules are read as account data."""
        for scope in ("account_data", f"{ROOM}/account_data"):
            for type_ in ("m.fully_read", "m.push_rules"):
                response = await self.alice.put(f"{USER}/{scope}/{type_}", {})
                self.assertEqual((405, "M_BAD_JSON"), _seen(response))

        self.assertIn("global", (await self.alice.get(f"{USER}/account_data/m.push_rules")).json)

    async def test_tags(self) -> None:
        """Set, listed, and taken away."""
        self.assertEqual({"tags": {}}, (await self.alice.get(f"{USER}/{ROOM}/tags")).json)
        await self.alice.put(f"{USER}/{ROOM}/tags/m.favourite", {"order": 0.25})
        await self.alice.put(f"{USER}/{ROOM}/tags/u.Straße", {})
        listed = await self.alice.get(f"{USER}/{ROOM}/tags")
        await self.alice.delete(f"{USER}/{ROOM}/tags/m.favourite")

        self.assertEqual({"tags": {"m.favourite": {"order": 0.25}, "u.Straße": {}}}, listed.json)
        self.assertEqual({"tags": {"u.Straße": {}}}, (await self.alice.get(f"{USER}/{ROOM}/tags")).json)

    async def test_filters(self) -> None:
        """Kept under an ID, and given back."""
        body = {"room": {"timeline": {"limit": 3}}, "event_fields": ["type", "content"]}
        filter_id = (await self.alice.post(f"{USER}/filter", body)).json["filter_id"]

        self.assertEqual(body, (await self.alice.get(f"{USER}/filter/{filter_id}")).json)
        for strange in ("77", "x", "-1"):
            self.assertEqual((404, "M_NOT_FOUND"), _seen(await self.alice.get(f"{USER}/filter/{strange}")))

    async def test_all_of_it_is_the_users_own(self) -> None:
        """Another user's path is forbidden, and a stranger has none."""
        for path in (
            "account_data/org.example",
            f"{ROOM}/account_data/org.example",
            f"{ROOM}/tags",
            "filter/1",
        ):
            self.assertEqual((403, "M_FORBIDDEN"), _seen(await self.alice.get(f"{OTHER}/{path}")))
            self.assertEqual((401, "M_MISSING_TOKEN"), _seen(await self.stranger.get(f"{USER}/{path}")))
        for path in ("account_data/org.example", f"{ROOM}/account_data/org.example", f"{ROOM}/tags/u.x"):
            self.assertEqual((403, "M_FORBIDDEN"), _seen(await self.alice.put(f"{OTHER}/{path}", {})))
        self.assertEqual((403, "M_FORBIDDEN"), _seen(await self.alice.delete(f"{OTHER}/{ROOM}/tags/u.x")))
        self.assertEqual((403, "M_FORBIDDEN"), _seen(await self.alice.post(f"{OTHER}/filter", {})))

    async def test_bad_requests(self) -> None:
        """Bodies that are no objects, names that are none, values out of their range."""
        paths = ("account_data/x", f"{ROOM}/account_data/x", f"{ROOM}/tags/x")
        for path in paths:
            for body, code in ((b"x", "M_NOT_JSON"), ([], "M_BAD_JSON"), ("x", "M_BAD_JSON")):
                self.assertEqual((400, code), _seen(await self.alice.put(f"{USER}/{path}", body)), path)
        for path in ("account_data/" + "x" * 300, f"{ROOM}/tags/" + "x" * 300, f"{ROOM}/tags/%00"):
            self.assertEqual((400, "M_INVALID_PARAM"), _seen(await self.alice.put(f"{USER}/{path}", {})))
        self.assertEqual(
            (400, "M_INVALID_PARAM"), _seen(await self.alice.put(f"{USER}/rooms/strange/account_data/x", {}))
        )
        orders: list[Any] = ["0.5", 2, -1, True, []]
        for order in orders:
            response = await self.alice.put(f"{USER}/{ROOM}/tags/u.x", {"order": order})
            self.assertEqual((400, "M_BAD_JSON"), _seen(response), order)
        bad_filters: list[Any] = [
            [],
            {"room": 7},
            {"room": {"timeline": {"limit": "x"}}},
            {"event_format": "xml"},
            b"{",
        ]
        for body in bad_filters:
            self.assertEqual(400, (await self.alice.post(f"{USER}/filter", body)).status, body)

    async def test_too_large(self) -> None:
        """Account data and filters have a size."""
        large = {"x": "x" * 300_000}
        self.assertEqual((413, "M_TOO_LARGE"), _seen(await self.alice.put(f"{USER}/account_data/x", large)))
        self.assertEqual((413, "M_TOO_LARGE"), _seen(await self.alice.post(f"{USER}/filter", large)))


def _seen(response: Any) -> tuple[int, str | None]:
    return response.status, response.errcode
