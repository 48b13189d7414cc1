"""Profiles over HTTP."""

from typing import Any

from homeserver.core.identifiers import UserID
from tests.accounts import Accounts
from tests.client import Client
from tests.databases import DatabaseCase

PROFILE = "/_matrix/client/v3/profile"
ALICE = f"{PROFILE}/@alice:localhost"


class ProfileTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.accounts = Accounts(self.database)
        self.stranger = Client(self.accounts.site())
        opened = await self.accounts.register("alice")
        assert opened.tokens is not None
        self.alice = self.stranger.signed_in(opened.tokens.access_token)

    async def test_fields_come_and_go(self) -> None:
        """The spec's and custom ones; anybody reads them."""
        await self.alice.put(f"{ALICE}/displayname", {"displayname": "Alice"})
        await self.alice.put(f"{ALICE}/m.tz", {"m.tz": "Europe/Paris"})
        await self.alice.put(f"{ALICE}/org.example.job", {"org.example.job": None})
        await self.alice.put(f"{ALICE}/org.my-team.3d", {"org.my-team.3d": 1})
        whole = await self.stranger.get(ALICE)
        field = await self.stranger.get(f"{ALICE}/org.example.job")
        deleted = await self.alice.delete(f"{ALICE}/displayname")

        fields = {"displayname": "Alice", "m.tz": "Europe/Paris", "org.example.job": None, "org.my-team.3d": 1}
        self.assertEqual(fields, whole.json)
        self.assertEqual({"org.example.job": None}, field.json)
        self.assertEqual((200, {}), (deleted.status, deleted.json))
        self.assertEqual((404, "M_NOT_FOUND"), _seen(await self.stranger.get(f"{ALICE}/displayname")))
        self.assertEqual(200, (await self.alice.delete(f"{ALICE}/displayname")).status)

    async def test_the_path_of_the_proposal(self) -> None:
        """Clients from before v1.16 ask there for the same.  Spec: proposals/4133"""
        path = "/_matrix/client/unstable/uk.tcpip.msc4133/profile/@alice:localhost"
        set_ = await self.alice.put(f"{path}/uk.tcpip.msc4133.m.job", {"uk.tcpip.msc4133.m.job": ["smith"]})
        field = await self.stranger.get(f"{path}/uk.tcpip.msc4133.m.job")
        whole = await self.stranger.get(ALICE)
        deleted = await self.alice.delete(f"{path}/uk.tcpip.msc4133.m.job")

        self.assertEqual((200, 200), (set_.status, deleted.status))
        self.assertEqual({"uk.tcpip.msc4133.m.job": ["smith"]}, field.json)
        self.assertEqual(field.json, whole.json)
        self.assertEqual({}, (await self.stranger.get(ALICE)).json)

    async def test_others(self) -> None:
        """Users of other servers, and users who do not exist."""
        self.accounts.peers.profiles[UserID("@carol:elsewhere.org")] = {"displayname": "Carol"}

        self.assertEqual({"displayname": "Carol"}, (await self.stranger.get(f"{PROFILE}/@carol:elsewhere.org")).json)
        self.assertEqual((404, "M_NOT_FOUND"), _seen(await self.stranger.get(f"{PROFILE}/@nobody:localhost")))
        self.assertEqual((404, "M_NOT_FOUND"), _seen(await self.stranger.get(f"{PROFILE}/@nobody:silent.org")))

    async def test_bad_values(self) -> None:
        """Each with the spec's code."""
        bad: list[tuple[str, Any, str]] = [
            ("displayname", {}, "M_MISSING_PARAM"),
            ("displayname", {"avatar_url": "mxc://a/b"}, "M_MISSING_PARAM"),
            ("displayname", {"displayname": 7}, "M_BAD_JSON"),
            ("displayname", {"displayname": "x" * 300}, "M_INVALID_PARAM"),
            ("displayname", [], "M_BAD_JSON"),
            ("displayname", b"x", "M_NOT_JSON"),
            ("avatar_url", {"avatar_url": "https://example.org"}, "M_INVALID_PARAM"),
            ("nonsense", {"nonsense": 1}, "M_INVALID_PARAM"),
            ("a." + "b" * 300, {"a." + "b" * 300: 1}, "M_KEY_TOO_LARGE"),
            ("org.example.x", {"org.example.x": "x" * 70_000}, "M_PROFILE_TOO_LARGE"),
        ]
        for name, body, code in bad:
            self.assertEqual((400, code), _seen(await self.alice.put(f"{ALICE}/{name}", body)), name)
        self.assertEqual({}, (await self.stranger.get(ALICE)).json)

    async def test_nobody_changes_anothers(self) -> None:
        """Nor without a token; a user ID that is none is no user."""
        bob = f"{PROFILE}/@bob:localhost/displayname"

        self.assertEqual((403, "M_FORBIDDEN"), _seen(await self.alice.put(bob, {"displayname": "Bob"})))
        self.assertEqual((403, "M_FORBIDDEN"), _seen(await self.alice.delete(bob)))
        self.assertEqual(401, (await self.stranger.put(bob, {"displayname": "Bob"})).status)
        for user_id in ("alice", "@alice", "@alice:", "%00"):
            self.assertEqual((400, "M_INVALID_PARAM"), _seen(await self.stranger.get(f"{PROFILE}/{user_id}")))

    async def test_guests_have_a_name(self) -> None:
        """And nothing else."""
        guest = (await self.stranger.post("/_matrix/client/v3/register", {}, kind="guest")).json
        client, own = self.stranger.signed_in(guest["access_token"]), f"{PROFILE}/{guest['user_id']}"

        self.assertEqual(200, (await client.put(f"{own}/displayname", {"displayname": "Me"})).status)
        refused = await client.put(f"{own}/m.tz", {"m.tz": "Europe/Paris"})
        self.assertEqual((403, "M_GUEST_ACCESS_FORBIDDEN"), _seen(refused))


def _seen(response: Any) -> tuple[int, str | None]:
    return response.status, response.errcode
