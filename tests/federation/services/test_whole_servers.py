"""
Tests of federation/services/room_queries.py, backfill.py, distribution.py, ephemeral.py and outbox.py on whole servers.

What one server tells another of rooms, by itself and when it is asked.
"""

from typing import Any

from twisted.trial.unittest import TestCase

from homeserver.core.canonical import JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.event_signatures import sign_event
from homeserver.core.hashes import content_hash
from homeserver.core.identifiers import DeviceID, EventID, RoomID
from homeserver.core.pdu import parse_pdu
from homeserver.core.unpadded_base64 import encode_base64
from homeserver.core.versions import ROOM_VERSIONS
from homeserver.store import receipts, users
from homeserver.store.users import NewAccount
from homeserver.store.write import Write
from tests.federation.servers import ALICE, BOB, CAROL, DAVE, ONE, THREE, TWO, FederatedServer, Federation
from tests.waiting import until

V1 = "/_matrix/federation/v1"


class Questions(Federation, TestCase):
    """What a server in the room, one that has left, and a stranger may read of it."""

    names = (ONE, TWO, THREE)

    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)

    async def answer(self, asking: FederatedServer, target: str, body: object = None) -> Any:
        """The JSON of the answer; its error code where it is refused."""
        response = await asking.request(self.one, "GET" if body is None else "POST", V1 + target, body)
        return response.json if response.status == 200 else response.errcode

    async def room_with(self, visibility: str) -> tuple[RoomID, EventID, EventID]:
        """A room of this history visibility, what was said in it before bob joined, and after."""
        room_id = await self.one.create(ALICE, preset="public_chat")
        await self.one.set_state(ALICE, room_id, "m.room.history_visibility", {"history_visibility": visibility})
        before = await self.one.send(ALICE, room_id, "before")
        await self.two.join(BOB, room_id, ONE)
        after = await self.one.send(ALICE, room_id, "after")
        await self.settle(room_id, self.one, self.two)
        return room_id, before, after

    async def test_strangers_are_told_nothing(self) -> None:
        """A server that never had to do with the room is forbidden everything."""
        room_id, _, after = await self.room_with("shared")
        for target in (
            f"/event/{after}", f"/state/{room_id}?event_id={after}", f"/state_ids/{room_id}?event_id={after}",
            f"/event_auth/{room_id}/{after}", f"/backfill/{room_id}?v={after}&limit=5",
        ):  # fmt: skip
            self.assertEqual("M_FORBIDDEN", await self.answer(self.three, target), target)
        body = {"earliest_events": [], "latest_events": [after], "limit": 5}
        self.assertEqual("M_FORBIDDEN", await self.answer(self.three, f"/get_missing_events/{room_id}", body))
        self.assertEqual("M_NOT_FOUND", await self.answer(self.two, f"/event/{after}x"))
        self.assertEqual("M_NOT_FOUND", await self.answer(self.two, "/state/!no:one.example?event_id=$x"))

    async def test_members_are_told_all(self) -> None:
        """Event, state, auth chain and history are given to a server in the room."""
        room_id, before, after = await self.room_with("shared")
        event = await self.answer(self.two, f"/event/{before}")
        self.assertEqual("before", event["pdus"][0]["content"]["body"])
        ids = await self.answer(self.two, f"/state_ids/{room_id}?event_id={after}")
        whole = await self.answer(self.two, f"/state/{room_id}?event_id={after}")
        state = await self.one.state(room_id)
        self.assertEqual(set(state.values()), set(ids["pdu_ids"]))
        self.assertEqual(len(ids["pdu_ids"]), len(whole["pdus"]))
        self.assertEqual(len(ids["auth_chain_ids"]), len(whole["auth_chain"]))
        auth = await self.answer(self.two, f"/event_auth/{room_id}/{after}")
        self.assertTrue(auth["auth_chain"])
        history = await self.answer(self.two, f"/backfill/{room_id}?v={after}&limit=100")
        depths = [pdu["depth"] for pdu in history["pdus"]]
        self.assertEqual(sorted(depths, reverse=True), depths)
        self.assertEqual(1, depths[-1])

    async def test_what_may_not_be_seen_is_redacted(self) -> None:
        """Where only those may see who were there, earlier messages come without what they say."""
        room_id, before, after = await self.room_with("joined")
        event = await self.answer(self.two, f"/event/{before}")
        self.assertEqual({}, event["pdus"][0]["content"])
        history = await self.answer(self.two, f"/backfill/{room_id}?v={after}&limit=100")
        said = [pdu["content"] for pdu in history["pdus"] if pdu["type"] == "m.room.message"]
        self.assertEqual(["after", None], [content.get("body") for content in said])

    async def test_what_the_erased_sent_is_redacted_for_servers_that_came_later(self) -> None:
        """Those that were there still get it whole.  Spec: client-server-api#post_matrixclientv3accountdeactivate"""
        room_id, before, after = await self.room_with("shared")

        def erase(tx: Write) -> None:
            users.insert_new(tx, NewAccount(ALICE, None, 0))
            users.deactivate(tx, ALICE, erase=True)

        await self.one.database.write(erase)
        event = await self.answer(self.two, f"/event/{before}")
        self.assertEqual({}, event["pdus"][0]["content"])
        history = await self.answer(self.two, f"/backfill/{room_id}?v={after}&limit=100")
        said = [pdu["content"] for pdu in history["pdus"] if pdu["type"] == "m.room.message"]
        self.assertEqual(["after", None], [content.get("body") for content in said])

    async def test_who_has_left_reads_their_time(self) -> None:
        """A server whose users have gone is told what was theirs to see, and nothing since."""
        room_id, _, after = await self.room_with("shared")
        await self.two.departing.leave(BOB, room_id)
        await self.quiet()
        later = await self.one.send(ALICE, room_id, "later")
        self.assertEqual("after", (await self.answer(self.two, f"/event/{after}"))["pdus"][0]["content"]["body"])
        self.assertEqual("M_NOT_FOUND", await self.answer(self.two, f"/event/{later}"))
        self.assertEqual("M_FORBIDDEN", await self.answer(self.two, f"/state_ids/{room_id}?event_id={later}"))
        self.assertIn("pdu_ids", await self.answer(self.two, f"/state_ids/{room_id}?event_id={after}"))
        history = await self.answer(self.two, f"/backfill/{room_id}?v={later}&limit=100")
        texts = [pdu["content"].get("body") for pdu in history["pdus"] if pdu["type"] == "m.room.message"]
        self.assertNotIn("later", texts)
        self.assertIn("after", texts)

    async def test_the_missing_between(self) -> None:
        """What lies between is told oldest first, as much as was asked for, and not below a depth."""
        room_id, _, after = await self.room_with("shared")
        ids = [await self.one.send(ALICE, room_id, f"{number}") for number in range(10)]

        async def between(**more: Any) -> list[str]:
            body = {"earliest_events": [after], "latest_events": [ids[-1]], **more}
            answer = await self.answer(self.two, f"/get_missing_events/{room_id}", body)
            return [pdu["content"]["body"] for pdu in answer["events"]]

        texts = [str(number) for number in range(9)]
        self.assertEqual(texts, await between(limit=20))
        self.assertEqual(texts[-3:], await between(limit=3))
        newest = await self.one.entry(ids[-1])
        assert newest is not None
        self.assertEqual(texts[-2:], await between(limit=20, min_depth=newest.event.depth - 2))
        self.assertEqual([], await between(limit=0))
        self.assertEqual([], await between(limit=-5))

    async def test_denied_servers_ask_in_vain(self) -> None:
        """The room's ACL holds for questions too."""
        room_id, _, after = await self.room_with("shared")
        await self.one.set_state(ALICE, room_id, "m.room.server_acl", {"allow": ["one.example"]})
        for target in (f"/backfill/{room_id}?v={after}&limit=5", f"/state/{room_id}?event_id={after}"):
            self.assertEqual("M_FORBIDDEN", await self.answer(self.two, target))


class History(Federation, TestCase):
    """Fetching what was said before."""

    names = (ONE, TWO, THREE)

    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)

    async def fetch_all(self, server: FederatedServer, room_id: RoomID) -> None:
        newest = (await server.timeline_of(room_id))[-1]
        assert newest.ordering is not None
        for _ in range(50):
            if not await server.backfill.backfill(room_id, newest.ordering, 100):
                return
        raise AssertionError("there is no end to history")

    async def test_history_in_every_version(self) -> None:
        """All from before the join is had in its order, down to the room's beginning, each event with its own state."""
        for version in ROOM_VERSIONS:
            room_id = await self.one.create(ALICE, version, preset="public_chat", name="First")
            for number in range(120):
                await self.one.send(ALICE, room_id, str(number))
            await self.one.set_state(ALICE, room_id, "m.room.name", {"name": "Second"})
            await self.two.join(BOB, room_id, ONE)
            await self.fetch_all(self.two, room_id)

            there = [entry.event_id for entry in await self.one.timeline_of(room_id)]
            here = await self.two.timeline_of(room_id)
            self.assertEqual(there, [entry.event_id for entry in here])
            room = await self.two.room(room_id)
            first = await self.one.entry(there[-3])
            state = await self.two.states.before(room.nid, here[-3])
            assert state is not None
            assert first is not None
            self.assertEqual(await self.one.states.before((await self.one.room(room_id)).nid, first), state)

    async def test_history_with_forks(self) -> None:
        """Where the DAG forked nothing is lost, and every event comes after those that it follows."""
        room_id = await self.one.create(ALICE, preset="public_chat")
        await self.two.join(BOB, room_id, ONE)
        await self.settle(room_id, self.one, self.two)
        for _ in range(6):
            await self.hush()
            for number in range(8):
                await self.one.send(ALICE, room_id, f"one {number}")
                await self.two.send(BOB, room_id, f"two {number}")
            await self.speak()
            await self.settle(room_id, self.one, self.two)
        await self.three.join(CAROL, room_id, ONE)
        await self.fetch_all(self.three, room_id)

        there = {entry.event_id for entry in await self.one.timeline_of(room_id)}
        here = await self.three.timeline_of(room_id)
        places = {entry.event_id: index for index, entry in enumerate(here)}
        self.assertEqual(there, set(places))
        self.assertEqual(len(here), len({entry.ordering for entry in here}))
        for entry in here:
            for before in entry.event.prev_events:
                self.assertLess(places[before], places[entry.event_id])

    async def test_events_from_before_the_limits(self) -> None:
        """What refers to more events than are allowed today is history all the same, and nothing that is sent now."""
        room_id = await self.one.create(ALICE, "10", preset="public_chat")
        await self.one.send(ALICE, room_id, "early")
        room = await self.one.room(room_id)
        event = await self.one.composer.compose(room, Draft("m.room.message", ALICE, {"body": "many"}))
        pdu: JSONObject = {**event.pdu, "prev_events": [*room.extremities, *(f"${n:043d}" for n in range(25))]}
        pdu["signatures"] = {}
        pdu["hashes"] = {"sha256": encode_base64(content_hash(pdu, event.version))}
        many = sign_event(parse_pdu(pdu, event.version, historic=True), ONE, self.one.key)

        self.assertEqual([], await self.two.checks.sound([many.pdu], event.version, room_id))
        self.assertEqual([many], await self.two.checks.sound([many.pdu], event.version, room_id, historic=True))

    async def test_a_server_that_fails_is_followed_by_another(self) -> None:
        """When the first server asked cannot be reached, another is; when none can, nothing is given up."""
        room_id = await self.one.create(ALICE, preset="public_chat")
        await self.one.join(DAVE, room_id)
        await self.one.send(ALICE, room_id, "early")
        await self.two.join(BOB, room_id, ONE)
        await self.fetch_all(self.two, room_id)
        await self.three.join(CAROL, room_id, ONE)
        await self.settle(room_id)
        self.network.cut(ONE, THREE)
        self.network.cut(TWO, THREE)
        newest = (await self.three.timeline_of(room_id))[-1]
        assert newest.ordering is not None
        self.assertFalse(await self.three.backfill.backfill(room_id, newest.ordering, 10))
        self.network.heal()
        self.network.cut(ONE, THREE)
        self.network.clock.advance(60)
        await self.fetch_all(self.three, room_id)

        self.assertIn("early", await self.three.messages_of(room_id))


class Telling(Federation, TestCase):
    """What is told without being asked."""

    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)

    async def shared_room(self) -> RoomID:
        room_id = await self.one.create(ALICE, preset="public_chat")
        await self.two.join(BOB, room_id, ONE)
        await self.settle(room_id)
        return room_id

    def deliveries(self) -> list[str]:
        """The texts in all transactions that two was sent."""
        return [
            pdu["content"]["body"]
            for asked in self.network.asked
            if asked.destination == TWO and "/send/" in asked.target
            for pdu in asked.body["pdus"]
            if pdu["type"] == "m.room.message"
        ]

    async def test_each_event_goes_out_once(self) -> None:
        """Also over a restart of the sender, and after an outage of the receiver."""
        room_id = await self.shared_room()
        await self.one.send(ALICE, room_id, "1")
        await self.quiet()
        self.one = await self.restart(self.one)
        await self.one.send(ALICE, room_id, "2")
        await self.quiet()
        self.network.cut(ONE, TWO)
        for number in range(3, 63):
            await self.one.send(ALICE, room_id, str(number))
        self.one = await self.restart(self.one)
        self.network.heal()
        self.network.clock.advance(30)
        await self.one.send(ALICE, room_id, "63")
        await self.quiet()

        texts = [str(number) for number in range(1, 64)]
        self.assertEqual(texts, self.deliveries())
        self.assertEqual(texts, await self.two.messages_of(room_id))

    async def test_catching_up_after_a_long_outage(self) -> None:
        """Only the latest event is sent; the receiver asks for the rest and has all of it, in order."""
        room_id = await self.shared_room()
        self.network.cut(ONE, TWO)
        for number in range(40):
            await self.one.send(ALICE, room_id, str(number))
        for _ in range(10):
            self.network.clock.advance(100)
            await self.one.send(ALICE, room_id, "still there?")
        self.network.heal()
        self.network.clock.advance(100)
        await self.settle(room_id)

        self.assertLess(len(self.deliveries()), 5)
        self.assertEqual(await self.one.messages_of(room_id), await self.two.messages_of(room_id))

    async def test_who_was_not_there_is_not_told(self) -> None:
        """Nothing that is said before a server comes or after it has gone is sent to it."""
        room_id = await self.one.create(ALICE, preset="public_chat")
        await self.one.send(ALICE, room_id, "before")
        await self.two.join(BOB, room_id, ONE)
        await self.one.send(ALICE, room_id, "during")
        await self.quiet()
        await self.two.departing.leave(BOB, room_id)
        await self.quiet()
        await self.one.send(ALICE, room_id, "after")
        await self.quiet()

        self.assertEqual(["during"], self.deliveries())

    async def test_typing_receipts_and_presence(self) -> None:
        """They reach the other server, for users that are in the room."""
        room_id = await self.shared_room()
        said = await self.one.send(ALICE, room_id, "read me")
        await self.settle(room_id)
        await self.two.typing.set(room_id, BOB, True)
        await self.two.receipts.advance(BOB, room_id, "m.read", said)
        await self.two.presence.state(BOB, DeviceID("PHONE"), "online", "reading")
        row = (await self.one.memberships.of(ALICE)).rows[room_id]

        async def has_all() -> bool:
            found = await self.one.database.read(receipts.by_key, row.room_nid, BOB, "m.read", "")
            presence = await self.one.presence.seen_by(BOB, ALICE)
            return (
                found is not None
                and found.event_id == said
                and self.one.typing.in_room(room_id) == [BOB]
                and presence.status_msg == "reading"
            )

        await until(has_all, "they arrive", clock=self.network.clock)

    async def test_edus_about_others_are_dropped(self) -> None:
        """A server speaks for its own users, who are in the room, and malformed EDUs stop nothing."""
        room_id = await self.shared_room()
        typing: list[JSONObject] = [
            {"edu_type": "m.typing", "content": {"room_id": room_id, "user_id": user_id, "typing": True}}
            for user_id in (ALICE, CAROL, "@nobody:two.example", "no user")
        ]
        typing += [{"edu_type": "m.typing"}, {"edu_type": 5}, {}, {"edu_type": "m.unknown", "content": {}}]
        typing.append({"edu_type": "m.typing", "content": {"room_id": room_id, "user_id": BOB, "typing": True}})
        await self.two.send_pdus(self.one, edus=typing)

        self.assertEqual([BOB], self.one.typing.in_room(room_id))
