"""Tests of homeserver.http.client.sliding_sync, through requests."""

from typing import Any

from homeserver.core.sync_tokens import parse_pagination_token, parse_sliding_token
from homeserver.core.timeline import ordering_at
from homeserver.http.authentication import token_authenticators
from homeserver.http.client.sliding_sync import SlidingSyncEndpoints
from homeserver.services.callers import Caller
from tests.builders import ALICE, DAVE
from tests.client import Client, Tokens, a_site
from tests.databases import DatabaseCase
from tests.sliding import LIST, SlidingServices
from tests.syncing import PHONE, SyncServices

STABLE = "/_matrix/client/v4/sync"
UNSTABLE = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"


class SlidingSyncTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.sync = SyncServices(self.database)
        tokens = Tokens()
        tokens.callers["alice"] = Caller(ALICE, PHONE)
        site = a_site(
            SlidingSyncEndpoints(SlidingServices(self.sync).service),
            authenticators=token_authenticators(tokens),
            clock=self.sync.clock,
        )
        self.client = Client(site, "alice")
        self.room_id = await self.sync.new_room(ALICE, preset="public_chat")
        await self.sync.join(self.room_id, DAVE)

    async def test_both_paths(self) -> None:
        """The proposal's takes everything in the body, the deployed clients' some of it in the query."""
        body: Any = {"lists": {"all": LIST}, "txn_id": "t1"}
        stable = (await self.client.post(STABLE, body)).json
        said = await self.sync.say(self.room_id, DAVE)
        again = (await self.client.post(STABLE, {**body, "pos": stable["pos"]})).json
        unstable = (await self.client.post(UNSTABLE, body)).json
        later = (await self.client.post(UNSTABLE, body, pos=unstable["pos"], timeout="0", set_presence="offline")).json

        self.assertEqual("t1", stable["txn_id"])
        self.assertEqual([said], [event["event_id"] for event in again["rooms"][self.room_id]["timeline"]])
        self.assertEqual([self.room_id], list(unstable["rooms"]))
        self.assertEqual({}, later["rooms"])

    async def test_an_unknown_pos(self) -> None:
        """It is refused with a code by which clients know to start anew."""
        for pos in ("c1_1_77_1", "garbage", "s1_2", "c99999999999999999999_1_1_1"):
            with self.subTest(pos=pos):
                response = await self.client.post(STABLE, {"pos": pos})

                self.assertEqual((400, "M_UNKNOWN_POS"), (response.status, response.errcode))

    async def test_bad_requests(self) -> None:
        """Each is refused, and none is a fault of the server."""
        lists: list[Any] = [
            [],
            {"all": 5},
            {"a b": LIST},
            {f"l{number}": LIST for number in range(101)},
            {"all": {"required_state": []}},
            {"all": {"timeline_limit": 1}},
            {"all": {**LIST, "timeline_limit": -1}},
            {"all": {**LIST, "timeline_limit": True}},
            {"all": {**LIST, "range": [1]}},
            {"all": {**LIST, "range": [2, 1]}},
            {"all": {**LIST, "ranges": [[0, 1]] * 21}},
            {"all": {**LIST, "ranges": 5}},
            {"all": {**LIST, "required_state": [["m.room.name"]]}},
            {"all": {**LIST, "required_state": [[1, 2]]}},
            {"all": {**LIST, "required_state": [["x" * 300, ""]]}},
            {"all": {**LIST, "required_state": {"include": [5]}}},
            {"all": {**LIST, "required_state": {"lazy_members": "yes"}}},
            {"all": {**LIST, "filters": {"is_dm": "yes"}}},
            {"all": {**LIST, "filters": {"tags": "x"}}},
            {"all": {**LIST, "filters": {"tags": [None]}}},
            {"all": {**LIST, "filters": {"spaces": [5]}}},
        ]
        bodies: list[Any] = [{"lists": each} for each in lists]
        bodies += [
            {"room_subscriptions": {f"!{number}:x": LIST for number in range(101)}},
            {"room_subscriptions": {"!x:x": {}}},
            {"extensions": {"typing": 5}},
            {"conn_id": "x" * 256},
            {"conn_id": 5},
            {"timeout": "soon"},
            {"timeout": -1},
            {"set_presence": "asleep"},
        ]
        for body in bodies:
            with self.subTest(body=str(body)[:80]):
                response = await self.client.post(STABLE, body)

                self.assertEqual(400, response.status, response.body)

    async def test_a_pos_is_a_place_in_a_room(self) -> None:
        """``/messages`` takes it."""
        pos = (await self.client.post(STABLE, {"lists": {"all": LIST}})).json["pos"]

        place = parse_pagination_token(pos).ordering
        self.assertEqual(ordering_at(parse_sliding_token(pos).since.position), place)
