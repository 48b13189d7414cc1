"""Pushers and notifications over HTTP, from what clients set to what a real gateway on this machine hears."""

from collections.abc import Callable
from typing import Any

import orjson
from twisted.internet import reactor
from twisted.web.resource import Resource
from twisted.web.server import Site

from homeserver.core.drafts import Draft
from homeserver.core.identifiers import EventID, ServerName, UserID
from homeserver.core.push_rules.rules import parse_rule
from homeserver.http.client.pushers import NotificationEndpoints, PusherEndpoints
from homeserver.http.client.receipts import ReceiptEndpoints
from homeserver.http.outbound import OutboundSettings, outbound_client
from homeserver.http.push_gateways import HTTPPushGateways
from homeserver.services.notifications import LIMIT_MAX, PER_ROOM_MAX
from homeserver.services.ports import PeerFault
from homeserver.services.pushing.settings import PushSettings
from tests.client import Client, Response, a_site
from tests.databases import DatabaseCase
from tests.pushing import PushServices, a_pusher
from tests.syncing import SyncServices
from tests.waiting import until

HERE = ServerName("localhost")
ALICE = UserID("@alice:localhost")
BOB = UserID("@bob:localhost")
API = "/_matrix/client/v3"
SET = f"{API}/pushers/set"
LIST = f"{API}/pushers"
NOTIFICATIONS = f"{API}/notifications"


class PushEndpointCase(DatabaseCase):
    """Alice and Bob are in a room."""

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.sync = SyncServices(self.database, server=HERE)
        self.push = PushServices(self.database, PushSettings(pushers_max=3), self.sync)
        site = a_site(
            PusherEndpoints(self.push.pushers, allow_http=True),
            NotificationEndpoints(self.push.notifications),
            ReceiptEndpoints(self.sync.receipts, self.sync.read_markers, self.sync.presence),
            clock=self.sync.clock,
        )
        self.alice, self.bob = Client(site, "alice"), Client(site, "bob")
        self.stranger = Client(site)
        self.room_id = await self.sync.new_room(ALICE, preset="public_chat")
        await self.sync.join(self.room_id, BOB)

    async def keys(self, client: Client) -> list[str]:
        return [each["pushkey"] for each in (await client.get(LIST)).json["pushers"]]


class PusherTests(PushEndpointCase):
    async def test_set_listed_and_deleted(self) -> None:
        """What was set is listed, once, as it was set last; kind null deletes it."""
        self.assertEqual([], await self.keys(self.alice))
        await self.alice.post(SET, a_pusher())
        changed = {**a_pusher(), "lang": "de"}
        self.assertEqual((200, {}), _seen(await self.alice.post(SET, changed)))
        expected = {key: value for key, value in changed.items() if key != "append"}
        self.assertEqual([expected], (await self.alice.get(LIST)).json["pushers"])
        gone = {"app_id": "org.example.app", "pushkey": "key", "kind": None}
        for _ in range(2):
            self.assertEqual((200, {}), _seen(await self.alice.post(SET, gone)))

        self.assertEqual([], await self.keys(self.alice))

    async def test_a_pushkey_is_one_users(self) -> None:
        """Unless both may have it."""
        await self.alice.post(SET, a_pusher())
        await self.bob.post(SET, {**a_pusher(), "append": True})
        self.assertEqual((["key"], ["key"]), (await self.keys(self.alice), await self.keys(self.bob)))
        await self.bob.post(SET, a_pusher())

        self.assertEqual(([], ["key"]), (await self.keys(self.alice), await self.keys(self.bob)))

    async def test_there_are_only_so_many(self) -> None:
        """An account may have as many as the settings say; changing one of them still works."""
        for number in range(3):
            await self.alice.post(SET, a_pusher(f"key{number}"))

        self.assertEqual((403, "M_FORBIDDEN"), _refused(await self.alice.post(SET, a_pusher("another"))))
        self.assertEqual(200, (await self.alice.post(SET, a_pusher("key1", color=1))).status)

    async def test_kinds_that_cannot_be_delivered(self) -> None:
        """Mail, as long as none is sent, and what nobody knows."""
        for kind in ("email", "pigeon"):
            refused = await self.alice.post(SET, {**a_pusher(), "kind": kind, "data": {}})
            self.assertEqual((400, "M_INVALID_PARAM"), _refused(refused))

    async def test_bad_input(self) -> None:
        """Is refused, and nothing is set."""
        for body, code in (
            ({}, "M_MISSING_PARAM"),
            ({"kind": None}, "M_MISSING_PARAM"),
            ({**a_pusher(), "data": []}, "M_BAD_JSON"),
            ({**a_pusher(), "kind": 5}, "M_BAD_JSON"),
            ({**a_pusher(), "pushkey": "k" * 513}, "M_INVALID_PARAM"),
            (a_pusher(url="https://example.org/"), "M_INVALID_PARAM"),
            ([], "M_BAD_JSON"),
            (b"{", "M_NOT_JSON"),
        ):
            self.assertEqual((400, code), _refused(await self.alice.post(SET, body)), body)
        self.assertEqual((401, "M_MISSING_TOKEN"), _refused(await self.stranger.post(SET, a_pusher())))
        self.assertEqual((401, "M_MISSING_TOKEN"), _refused(await self.stranger.get(LIST)))
        self.assertEqual([], await self.keys(self.alice))


class NotificationTests(PushEndpointCase):
    async def say(self, body: str, **more: Any) -> EventID:
        return await self.sync.say(self.room_id, BOB, body, **more)

    async def listed(self, **query: Any) -> list[str]:
        page = (await self.alice.get(NOTIFICATIONS, **query)).json
        return [each["event"]["event_id"] for each in page["notifications"]]

    async def test_what_notified(self) -> None:
        """The newest first, with what its rule asks for, and whether it was read."""
        first = await self.say("one")
        second = await self.say("two", **{"m.mentions": {"user_ids": [ALICE]}})
        await self.sync.say(self.room_id, ALICE, "mine")
        await self.alice.post(f"{API}/rooms/{self.room_id}/receipt/m.read/{first}", {})
        response = await self.alice.get(NOTIFICATIONS)
        shown = response.json["notifications"]

        self.assertEqual([second, first], [each["event"]["event_id"] for each in shown])
        self.assertEqual([False, True], [each["read"] for each in shown])
        self.assertEqual({self.room_id}, {each["room_id"] for each in shown})
        self.assertEqual(["notify", {"set_tweak": "sound", "value": "default"}], shown[1]["actions"])
        self.assertEqual(shown[0]["event"]["origin_server_ts"], shown[0]["ts"])
        self.assertNotIn("next_token", response.json)
        self.assertEqual([second], await self.listed(only="highlight"))

    async def test_pages(self) -> None:
        """Go on where the last ended, over several rooms, until there is nothing more."""
        other = await self.sync.new_room(BOB, preset="public_chat")
        await self.sync.join(other, ALICE)
        sent = []
        for number in range(7):
            sent.append(await self.sync.say((self.room_id, other)[number % 2], BOB, str(number)))
        found: list[list[str]] = []
        query: dict[str, str] = {}
        for _ in range(4):
            page = (await self.alice.get(NOTIFICATIONS, limit=2, **query)).json
            found.append([each["event"]["event_id"] for each in page["notifications"]])
            if "next_token" not in page:
                break
            query = {"from_": page["next_token"]}

        self.assertEqual(sent[::-1], [event_id for part in found for event_id in part])
        self.assertEqual([2, 2, 2, 1], [len(part) for part in found])

    async def test_a_long_room_is_looked_at_piece_by_piece(self) -> None:
        """A page may be empty and still go on; nothing is skipped."""
        first = await self.say("first")
        for number in range(PER_ROOM_MAX):
            await self.sync.rooms.timeline.send(self.room_id, Draft("org.example.quiet", BOB, {"n": number}))
        page = (await self.alice.get(NOTIFICATIONS)).json
        self.assertEqual([], page["notifications"])

        self.assertEqual([first], await self.listed(from_=page["next_token"]))

    async def test_what_the_rules_said_when_it_came(self) -> None:
        """A room that is silenced keeps what it told before; heard again, it has nothing of what came between."""
        before = await self.say("before")
        rule = parse_rule("room", self.room_id, {"actions": []})
        await self.sync.push_rules.add(ALICE, rule, before=None, after=None)
        await self.say("between")
        silenced = await self.listed()
        await self.sync.push_rules.delete(ALICE, "room", self.room_id)
        after = await self.say("after")

        self.assertEqual([before], silenced)
        self.assertEqual([after, before], await self.listed())

    async def test_invites(self) -> None:
        """Are listed among the rest as long as they wait for an answer, unless the rules say otherwise."""
        before = await self.say("before")
        other = await self.sync.new_room(BOB)
        await self.sync.member(other, ALICE, "invite", BOB)
        after = await self.say("after")
        page = (await self.alice.get(NOTIFICATIONS, limit=2)).json
        listed = page["notifications"]
        rest = await self.listed(from_=page["next_token"])
        await self.sync.member(other, ALICE, "leave", ALICE)

        self.assertEqual([self.room_id, other], [each["room_id"] for each in listed])
        invite = listed[1]
        self.assertEqual(("invite", False), (invite["event"]["content"]["membership"], invite["read"]))
        self.assertEqual("invite", invite["event"]["unsigned"]["membership"])
        self.assertIn("notify", invite["actions"])
        self.assertEqual([before], rest)
        self.assertEqual([after, before], await self.listed())

    async def test_what_is_not_listed(self) -> None:
        """What came before one joined, what was redacted, and what somebody says whom one ignores."""
        carol = UserID("@carol:localhost")
        other = await self.sync.new_room(BOB, preset="public_chat")
        await self.sync.say(other, BOB, "before")
        await self.sync.join(other, ALICE, carol)
        await self.sync.account_data.set(ALICE, None, "m.ignored_user_list", {"ignored_users": {carol: {}}})
        await self.sync.say(other, carol, "unwanted")
        redacted = await self.say("oops")
        await self.sync.rooms.timeline.send(
            self.room_id, Draft("m.room.redaction", BOB, {"redacts": redacted}, redacts=redacted)
        )

        self.assertEqual([], await self.listed())

    async def test_bad_input(self) -> None:
        """Limits are positive, tokens our own; a large limit is cut."""
        tokens: list[dict[str, Any]] = [{"from_": token} for token in ("x", "n", "n1.5", "n" + "9" * 30, "n²")]
        for query in [*tokens, {"limit": 0}, {"limit": -1}, {"limit": "x"}]:
            self.assertEqual((400, "M_INVALID_PARAM"), _refused(await self.alice.get(NOTIFICATIONS, **query)), query)
        self.assertEqual((401, "M_MISSING_TOKEN"), _refused(await self.stranger.get(NOTIFICATIONS)))
        for number in range(LIMIT_MAX + 1):
            await self.say(str(number))

        self.assertEqual(LIMIT_MAX, len(await self.listed(limit=10**9)))


class GatewayServer(Resource):
    """A push gateway; *statuses*: of its next answers, 200 when there are no more."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Any] = []
        self.statuses: list[int] = []
        self.answer = b'{"rejected":[]}'
        self.on_heard: Callable[[], None] = lambda: None

    def render_POST(self, request: Any) -> bytes:
        status = self.statuses.pop(0) if self.statuses else 200
        request.setResponseCode(status)
        if status == 200:
            self.heard.append(orjson.loads(request.content.read()))
        reactor.callLater(0, self.on_heard)
        return self.answer


class GatewayTests(PushEndpointCase):
    """From a client's pusher to a gateway behind a socket."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.server = GatewayServer()
        site: Any = Site(self.server)
        port: Any = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.url = f"http://127.0.0.1:{port.getHost().port}/_matrix/push/v1/notify"
        client = outbound_client(reactor, _Literals(), OutboundSettings(allow_private_addresses=True))
        self.addCleanup(client.close)
        self.gateways = HTTPPushGateways(client)
        self.push.pushing.around.gateways = self.gateways
        await self.push.pushing.start()
        self.addCleanup(self.push.pushing.stop)

    async def heard(self, number: int) -> Any:
        """What the gateway heard, once it is so much."""
        await until(lambda: len(self.server.heard) >= number, "the gateway hears", clock=self.sync.clock, step=0.1)
        return [each["notification"] for each in self.server.heard]

    async def test_from_a_message_to_the_gateway(self) -> None:
        """Set by a client, pushed as the specification says, tried again after an error, cleared by a receipt."""
        await self.alice.post(SET, a_pusher(url=self.url))
        self.server.statuses = [502, 500]
        event_id = await self.sync.say(self.room_id, BOB, "hello")
        notice = (await self.heard(1))[0]
        await self.alice.post(f"{API}/rooms/{self.room_id}/receipt/m.read/{event_id}", {})
        cleared = (await self.heard(2))[1]

        self.assertEqual((event_id, {"unread": 1}), (notice["event_id"], notice["counts"]))
        self.assertEqual({"body": "hello", "msgtype": "m.text"}, notice["content"])
        self.assertEqual({"unread": 0}, cleared["counts"])

    async def test_rejected_pushkeys_end(self) -> None:
        """The pusher is gone."""
        await self.alice.post(SET, a_pusher(url=self.url))
        self.server.answer = b'{"rejected":["key"]}'
        await self.sync.say(self.room_id, BOB, "hello")
        await self.heard(1)

        async def is_gone() -> bool:
            return await self.keys(self.alice) == []

        await until(is_gone, "the pusher is gone")

    async def test_answers(self) -> None:
        """Errors are the gateway's fault; what is no JSON has taken the push."""
        self.server.statuses = [404]
        with self.assertRaises(PeerFault) as caught:
            await self.gateways.notify(self.url, {"devices": []})
        self.assertEqual(404, caught.exception.status)
        self.server.answer = b"<html>"

        self.assertIsNone(await self.gateways.notify(self.url, {"devices": []}))


class _Literals:
    """Names that are addresses."""

    async def addresses(self, host: str) -> tuple[str, ...]:
        return (host,)

    async def services(self, name: str) -> tuple[Any, ...]:
        return ()


def _seen(response: Response) -> tuple[int, Any]:
    return response.status, response.json


def _refused(response: Response) -> tuple[int, str | None]:
    return response.status, response.errcode
