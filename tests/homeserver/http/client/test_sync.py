"""/sync and what flows through it, over HTTP: sync, typing, receipts, read markers, presence."""

from typing import Any

from homeserver.core.identifiers import EventID, RoomID, ServerName, UserID
from homeserver.http.client.presence import PresenceEndpoints
from homeserver.http.client.read_markers import ReadMarkerEndpoints
from homeserver.http.client.receipts import ReceiptEndpoints
from homeserver.http.client.sync import SyncEndpoints
from homeserver.http.client.typing import TypingEndpoints
from tests.client import Client, Response, a_site
from tests.databases import DatabaseCase
from tests.syncing import SyncServices
from tests.waiting import at_rest

HERE = ServerName("localhost")
ALICE = UserID("@alice:localhost")
BOB = UserID("@bob:localhost")
API = "/_matrix/client/v3"


class SyncingCase(DatabaseCase):
    """Alice and Bob are in a room, and Carol is not."""

    room_id: RoomID
    event_id: EventID

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        services = self.services = SyncServices(self.database, server=HERE)
        site = a_site(
            SyncEndpoints(services.sync_service, services.filters),
            TypingEndpoints(services.typing, services.presence),
            ReceiptEndpoints(services.receipts, services.read_markers, services.presence),
            ReadMarkerEndpoints(services.read_markers, services.receipts, services.presence),
            PresenceEndpoints(services.presence),
            clock=services.clock,
        )
        self.alice, self.bob, self.carol = (Client(site, name) for name in ("alice", "bob", "carol"))
        self.room_id = await services.new_room(ALICE, preset="public_chat")
        await services.join(self.room_id, BOB)
        self.event_id = await services.say(self.room_id, BOB)
        self.in_room = f"{API}/rooms/{self.room_id}"

    async def ephemeral(self, client: Client, since: str | None = None) -> dict[str, Any]:
        query = {} if since is None else {"since": since}
        rooms = (await client.get(f"{API}/sync", **query)).json["rooms"]["join"]
        return {event["type"]: event["content"] for event in rooms[self.room_id]["ephemeral"]["events"]}


class SyncEndpointTests(SyncingCase):
    async def test_a_sync_and_the_next(self) -> None:
        """Everything at first, and then what is new; every response is as the spec's schema says."""
        first = await self.alice.get(f"{API}/sync")
        sent = await self.services.say(self.room_id, BOB, "news")
        second = await self.alice.get(f"{API}/sync", since=first.json["next_batch"])

        self.assertEqual(200, first.status)
        timeline = second.json["rooms"]["join"][self.room_id]["timeline"]
        self.assertEqual([sent], [event["event_id"] for event in timeline["events"]])

    async def test_a_sync_that_waits(self) -> None:
        """It answers when there is news; when the client leaves, nobody waits."""
        since = (await self.alice.get(f"{API}/sync")).json["next_batch"]
        since = (await self.alice.get(f"{API}/sync", since=since)).json["next_batch"]
        pending = self.alice.start("GET", f"{API}/sync", query={"since": since, "timeout": 30_000})
        await at_rest()
        self.assertIsNone(pending.response)
        await self.services.say(self.room_id, BOB, "news")
        await self.services.turn()
        response = await pending.arrived
        leaving = self.alice.start(
            "GET", f"{API}/sync", query={"since": response.json["next_batch"], "timeout": 30_000}
        )
        self.assertEqual([ALICE], list(self.services.wakeups.waiting()))
        leaving.disconnect()

        self.assertIn(self.room_id, response.json["rooms"]["join"])
        self.assertEqual([], list(self.services.wakeups.waiting()))

    async def test_filters(self) -> None:
        """By ID and inline; one that is unknown or no filter is refused."""
        body: Any = {"room": {"timeline": {"limit": 1}}}
        filter_id = await self.services.filters.define(ALICE, body)
        for spelled in (filter_id, '{"room": {"timeline": {"limit": 1}}}'):
            rooms = (await self.alice.get(f"{API}/sync", filter=spelled)).json["rooms"]["join"]
            self.assertEqual(1, len(rooms[self.room_id]["timeline"]["events"]))

        self.assertEqual((404, "M_NOT_FOUND"), _seen(await self.alice.get(f"{API}/sync", filter="999")))
        self.assertEqual((400, "M_NOT_JSON"), _seen(await self.alice.get(f"{API}/sync", filter="{")))
        self.assertEqual((400, "M_BAD_JSON"), _seen(await self.alice.get(f"{API}/sync", filter='{"room": []}')))

    async def test_fields_and_format(self) -> None:
        """``event_fields`` leaves out what it does not name; ``event_format`` gives events as servers exchange them."""
        for wanted, content in (
            ('{"event_fields": ["type", "content.body"]}', {"body": "hello"}),
            ('{"event_fields": ["event_id"]}', {}),
        ):
            rooms = (await self.alice.get(f"{API}/sync", filter=wanted)).json["rooms"]["join"]
            event = rooms[self.room_id]["timeline"]["events"][-1]
            self.assertEqual(content, event["content"])
            self.assertEqual({"content", "event_id", "type", "sender", "origin_server_ts"}, event.keys())
        rooms = (await self.alice.get(f"{API}/sync", filter='{"event_format": "federation"}')).json["rooms"]["join"]
        event = rooms[self.room_id]["timeline"]["events"][-1]

        self.assertLessEqual({"hashes", "signatures", "prev_events", "event_id"}, event.keys())

    async def test_state_after(self) -> None:
        """Under the stable name, and to clients of the proposal under theirs."""
        for query, name in (
            ({"use_state_after": "true"}, "state_after"),
            ({"org.matrix.msc4222.use_state_after": "true"}, "org.matrix.msc4222.state_after"),
        ):
            room = (await self.alice.get(f"{API}/sync", **query)).json["rooms"]["join"][self.room_id]
            self.assertIn("m.room.create", [event["type"] for event in room[name]["events"]])
            self.assertNotIn("state", room)

    async def test_bad_parameters(self) -> None:
        """Each is refused with the spec's error."""
        for name, value in (
            ("since", "yesterday"),
            ("since", "s99999999999999999999_0"),
            ("timeout", "soon"),
            ("full_state", "maybe"),
            ("set_presence", "busy"),
        ):
            response = await self.alice.get(f"{API}/sync", **{name: value})
            self.assertEqual((400, "M_INVALID_PARAM"), _seen(response), name)


class TypingEndpointTests(SyncingCase):
    async def test_typing(self) -> None:
        """Members tell that they type, for themselves alone."""
        path = f"{self.in_room}/typing"
        typed = await self.bob.put(f"{path}/{BOB}", {"typing": True, "timeout": 30_000})
        shown = await self.ephemeral(self.alice)
        for_another = await self.alice.put(f"{path}/{BOB}", {"typing": True})
        stranger = await self.carol.put(f"{path}/@carol:localhost", {"typing": True})
        nonsense = await self.bob.put(f"{path}/{BOB}", {"typing": "yes"})

        self.assertEqual((200, {}), (typed.status, typed.json))
        self.assertEqual({"user_ids": [BOB]}, shown["m.typing"])
        self.assertEqual((403, "M_FORBIDDEN"), _seen(for_another))
        self.assertEqual((403, "M_FORBIDDEN"), _seen(stranger))
        self.assertEqual((400, "M_BAD_JSON"), _seen(nonsense))


class ReceiptEndpointTests(SyncingCase):
    async def test_receipts(self) -> None:
        """A receipt is told to the others; one for a thread names it."""
        path = f"{self.in_room}/receipt/m.read/{self.event_id}"
        self.assertEqual(200, (await self.alice.post(path, {})).status)
        self.assertEqual(200, (await self.bob.post(path, {"thread_id": "main"})).status)
        # As some clients say that there is no thread.
        self.assertEqual(200, (await self.alice.post(path, {"thread_id": None})).status)

        users = (await self.ephemeral(self.alice))["m.receipt"][self.event_id]["m.read"]

        self.assertNotIn("thread_id", users[ALICE])
        self.assertEqual("main", users[BOB]["thread_id"])

    async def test_refused_receipts(self) -> None:
        """Of strangers, for unknown events, of unknown types, and with thread IDs that are none."""
        path = f"{self.in_room}/receipt"
        known = f"{path}/m.read/{self.event_id}"

        self.assertEqual((403, "M_FORBIDDEN"), _seen(await self.carol.post(known, {})))
        self.assertEqual((404, "M_NOT_FOUND"), _seen(await self.alice.post(f"{path}/m.read/$unknown", {})))
        self.assertEqual((400, "M_INVALID_PARAM"), _seen(await self.alice.post(f"{path}/m.seen/{self.event_id}", {})))
        for thread_id in ("", 1, "$another", "x"):
            response = await self.alice.post(known, {"thread_id": thread_id})
            self.assertEqual((400, "M_INVALID_PARAM"), _seen(response), thread_id)
        marker = await self.alice.post(f"{path}/m.fully_read/{self.event_id}", {"thread_id": "main"})
        self.assertEqual((400, "M_INVALID_PARAM"), _seen(marker))

    async def test_read_markers(self) -> None:
        """All three are moved at once, and by the receipt endpoint too."""
        later = await self.services.say(self.room_id, BOB, "later")
        moved = await self.alice.post(
            f"{self.in_room}/read_markers",
            {"m.fully_read": self.event_id, "m.read": self.event_id, "m.read.private": later},
        )
        first = await self.services.account_data.content(ALICE, self.room_id, "m.fully_read")
        again = await self.alice.post(f"{self.in_room}/receipt/m.fully_read/{later}", {})
        second = await self.services.account_data.content(ALICE, self.room_id, "m.fully_read")
        receipts = (await self.ephemeral(self.alice))["m.receipt"]

        self.assertEqual((200, 200), (moved.status, again.status))
        self.assertIn(self.event_id.encode(), first)
        self.assertIn(later.encode(), second)
        self.assertIn(ALICE, receipts[self.event_id]["m.read"])
        self.assertIn(ALICE, receipts[later]["m.read.private"])

    async def test_refused_read_markers(self) -> None:
        """What is no event ID, and events that are not in the room."""
        path = f"{self.in_room}/read_markers"

        self.assertEqual(400, (await self.alice.post(path, {"m.fully_read": 1})).status)
        self.assertEqual((404, "M_NOT_FOUND"), _seen(await self.alice.post(path, {"m.read": "$unknown"})))
        self.assertEqual((403, "M_FORBIDDEN"), _seen(await self.carol.post(path, {"m.fully_read": self.event_id})))
        self.assertEqual(200, (await self.alice.post(path, {})).status)


class PresenceEndpointTests(SyncingCase):
    async def test_presence(self) -> None:
        """Set for oneself, and shown to who shares a room."""
        path = f"{API}/presence/{BOB}/status"
        put = await self.bob.put(path, {"presence": "unavailable", "status_msg": "lunch"})
        shown = await self.alice.get(path)

        self.assertEqual((200, {}), (put.status, put.json))
        self.assertEqual({"presence": "unavailable", "last_active_ago": 0, "status_msg": "lunch"}, shown.json)
        self.assertEqual((403, "M_FORBIDDEN"), _seen(await self.carol.get(path)))
        self.assertEqual((403, "M_FORBIDDEN"), _seen(await self.alice.put(path, {"presence": "online"})))
        self.assertEqual((400, "M_BAD_JSON"), _seen(await self.bob.put(path, {"presence": "busy"})))
        self.assertEqual((400, "M_BAD_JSON"), _seen(await self.bob.put(path, {"presence": "online", "status_msg": 1})))


def _seen(response: Response) -> tuple[int, str | None]:
    return response.status, response.errcode
